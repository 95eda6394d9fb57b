// From a request to its answer, sent: find, decide, send.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorCode } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { Finder, Found } from './content.ts'
import { type Answer, answerStatus, decide, refuse } from './decide.ts'
import type { Served } from './request-log.ts'
import { sendFile, type SendOutcome, writeChunk } from './send-file.ts'

/** What came of a request. */
export type Result = Pick<Served, 'status' | 'bytes' | 'cut'>

const cuts = { sent: undefined, aborted: 'aborted', shrunk: 'file shrank', changed: 'file changed' } as const

/** Performs an answer. A HEAD gets its headers only. */
async function send(
  response: ServerResponse,
  answer: Answer,
  source: Found['source'],
  onSent: (bytes: number) => void,
): Promise<SendOutcome> {
  const body = response.req.method === 'HEAD' ? { kind: 'none' as const } : answer.body
  response.writeHead(answer.status, answer.headers)
  let bytes: Buffer | undefined
  if (body.kind === 'text') bytes = Buffer.from(body.text)
  else if (body.kind === 'bytes' && body.end > body.start) {
    if (source !== undefined && !Buffer.isBuffer(source)) return sendFile(response, source, body, onSent)
    bytes = source?.subarray(body.start, body.end)
  }
  if (!(await writeChunk(response, bytes, true))) return 'aborted'
  onSent(bytes?.length ?? 0)
  return 'sent'
}

/** Answers a request, and is fulfilled when the answer has been sent or cannot be. Never rejected. */
export async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  find: Finder,
  report: Pick<Reporter, 'warn'>,
): Promise<Result> {
  const asked = { method: request.method ?? '', httpVersion: request.httpVersion, headers: request.headers }
  let status = 500
  let bytes = 0
  const onSent = (more: number) => {
    bytes += more
  }
  let found: Found | undefined
  try {
    let answer = refuse(asked)
    if (answer === undefined) {
      found = await find(request.url ?? '')
      answer = decide(asked, found.resource)
    }
    status = answer.status
    const cut = cuts[await send(response, answer, found?.source, onSent)]
    return cut === undefined ? { status, bytes } : { status, bytes, cut }
  } catch (error) {
    report.warn(
      `a file could not be read: ${errorCode(error) ?? (error instanceof Error ? error.message : String(error))}`,
    )
    if (response.headersSent) response.destroy()
    else await send(response, answerStatus(500), undefined, onSent)
    return { status, bytes, cut: 'failed' }
  } finally {
    if (found?.source !== undefined && !Buffer.isBuffer(found.source)) found.source.close()
  }
}

/** Ends a connection with an answer where node:http has no response for it. */
export function endSocket(socket: Socket, answer: Answer): void {
  const body = answer.body.kind === 'text' ? answer.body.text : ''
  const headers = Object.entries({ ...answer.headers, Date: new Date().toUTCString(), Connection: 'close' })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${body.trimEnd()}\r\n${lines}\r\n${body}`, () => socket.destroySoon())
}
