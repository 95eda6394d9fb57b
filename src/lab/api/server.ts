// The thin part: reads requests, sends answers, logs a line for each.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

import { errorCode, LabError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { refuse } from './answer.ts'
import type { Answer } from './answer.ts'
import { readRequest } from './request.ts'
import type { Handler } from './request.ts'

/** A server that listens. Disposing it ends the connections too. */
export interface ApiServer extends AsyncDisposable {
  port: number
}

/** Sends an answer whole, with its length. */
function send(response: ServerResponse, answer: Answer): void {
  const text = answer.json === undefined ? (answer.text ?? '') : JSON.stringify(answer.json)
  const type = answer.json === undefined ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8'
  response.writeHead(answer.status, {
    'x-request-id': randomUUID(),
    ...(text === '' ? {} : { 'content-type': type }),
    ...(answer.status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }),
    ...answer.headers,
  })
  response.end(text)
}

/** Reads, decides, sends. What a handler throws is a defect of the lab: 500, and a line that says so. */
async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  handle: Handler<Answer>,
  report: Reporter,
): Promise<void> {
  const startedMs = performance.now()
  // The path alone: headers carry the token, and a query might carry anything.
  const line = `${message.method ?? '?'} ${(message.url ?? '?').split('?')[0] ?? ''}`
  let answer: Answer
  try {
    const request = await readRequest(message)
    answer = 'error' in request ? refuse(request.status, request.error, { connection: 'close' }) : await handle(request)
  } catch (error) {
    if (message.destroyed && !message.complete) return
    report.warn(`lab: ${line} failed: ${error instanceof Error ? error.message : String(error)}`)
    answer = refuse(500, 'Oh snap, something went wrong!')
  }
  send(response, answer)
  report.debug(`lab: ${line} ${String(answer.status)} ${(performance.now() - startedMs).toFixed(1)} ms`)
}

/**
 * Listens and answers each request with what `handle` decides.
 * @throws LabError where it cannot listen
 */
export async function startApiServer(
  listen: { host: string; port: number },
  handle: Handler<Answer>,
  report: Reporter,
): Promise<ApiServer> {
  const server = createServer((message, response) => {
    void respond(message, response, handle, report)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const where = `${listen.host}:${String(listen.port)}`
      const taken = errorCode(error) === 'EADDRINUSE'
      reject(
        new LabError(`cannot listen on "${where}": ${taken ? 'the port is taken' : error.message}`, {
          ...(taken ? { hint: 'choose another with --port, or end what uses it' } : {}),
          cause: error,
        }),
      )
    })
    server.listen({ host: listen.host === '' ? undefined : listen.host, port: listen.port }, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new LabError('the API has no port')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      server.closeAllConnections()
      await closed
    },
  }
}
