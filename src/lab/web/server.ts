// The thin HTTP server: it reads requests, sends answers, and logs a line for each.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Address } from '../../address.ts'
import { LabError, messageOf } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { listen } from '../../listen.ts'
import { type LabAnswer, refuse } from './answer.ts'
import { type Handler, readRequest } from './request.ts'
import { type ContextFor, createTlsDoor } from './tls-door.ts'

/** A listening server. Disposing it also ends its connections. */
export interface ApiServer extends AsyncDisposable {
  port: number
}

/** Takes over a connection that switches to another protocol. */
export type Upgrade = (message: IncomingMessage, socket: Duplex, head: Buffer) => void

/** The optional parts of a server. */
interface ServerParts {
  onUpgrade?: Upgrade | undefined
  /** With it the server speaks TLS, and plain HTTP to clients that do not. */
  contextFor?: ContextFor | undefined
  /** The flag that chooses another address. */
  flag?: string
  /** What its messages call it. */
  noun?: 'lab' | 'rack'
  /** Writes its own refusals. */
  refuse?: typeof refuse
}

/** Waits until the time of a slow answer is over or the client disconnects. */
async function waitOut(response: ServerResponse, lastsMs: number | undefined): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  await sleep(lastsMs ?? 2 ** 31 - 1, undefined, { signal: gone.signal }).catch(() => {})
}

/** Sends an answer, with its mishap if it has one. */
async function sendWithMishap(response: ServerResponse, answer: LabAnswer): Promise<void> {
  const { mishap, ...well } = answer
  if (mishap === undefined) return send(response, well)
  const text = answer.json === undefined ? (answer.text ?? '') : JSON.stringify(answer.json)
  const half = text.slice(0, text.length / 2)
  const isSlow = mishap.kind === 'late' || (mishap.kind === 'halting' && text === '')
  if (mishap.kind === 'dropped' || (mishap.kind === 'cut' && text === '')) response.destroy()
  else if (mishap.kind === 'truncated') {
    send(response, { status: answer.status, text: half, headers: { 'content-type': 'application/json' } })
  } else if (isSlow) {
    await waitOut(response, mishap.lastsMs)
    if (!response.destroyed) send(response, well)
  } else {
    response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    await new Promise((resolve) => response.write(half, resolve))
    if (mishap.kind === 'cut') return void response.destroy()
    await waitOut(response, mishap.lastsMs)
    response.end(text.slice(half.length))
  }
}

/** Sends a complete answer, with its length. */
function send(response: ServerResponse, answer: LabAnswer): void {
  const { json, text = '', bytes, onSent } = answer
  const body = json === undefined ? (bytes ?? text) : JSON.stringify(json)
  const type =
    json === undefined
      ? bytes === undefined
        ? 'text/plain; charset=utf-8'
        : 'application/octet-stream'
      : 'application/json; charset=utf-8'
  response.writeHead(answer.status, {
    'x-request-id': randomUUID(),
    ...(body.length === 0 ? {} : { 'content-type': type }),
    ...(answer.status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...answer.headers,
  })
  if (onSent !== undefined && response.req.method !== 'HEAD') response.once('finish', onSent)
  response.end(body)
}

/** Answers one request. An error that a handler throws is a defect of the lab: it is answered with 500 and logged. */
async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  handle: Handler<LabAnswer>,
  { report, noun, refuse: refuseOwn }: Required<Pick<ServerParts, 'noun' | 'refuse'>> & { report: Reporter },
): Promise<void> {
  const startedMs = performance.now()
  // Only the path is logged, without a machine's secret: headers contain the token, and a query might contain anything.
  const line = `${message.method ?? '?'} ${((message.url ?? '?').split('?')[0] ?? '').replace(/^\/+boot\/+[^/]+/, '/boot/...')}`
  let answer: LabAnswer
  try {
    const request = await readRequest(message)
    answer =
      'error' in request ? refuseOwn(request.status, request.error, { connection: 'close' }) : await handle(request)
  } catch (error) {
    if (message.destroyed && !message.complete) return
    report.warn(`${noun}: ${line} failed: ${messageOf(error)}`)
    answer = refuseOwn(500, 'Oh snap, something went wrong!')
  }
  report.debug(
    `${noun}: ${line} ${answer.mishap?.kind ?? String(answer.status)} ${(performance.now() - startedMs).toFixed(1)} ms`,
  )
  await sendWithMishap(response, answer)
}

/** How long a client may take to send the header of a request. */
const maxHeaderMs = 15_000

/**
 * Listens, and answers each request with the answer of `handle`.
 * @throws LabError if it cannot listen
 */
export async function startApiServer(
  address: Address,
  handle: Handler<LabAnswer>,
  report: Reporter,
  { onUpgrade, contextFor, flag = '--port', noun = 'lab', refuse: refuseOwn = refuse }: ServerParts = {},
): Promise<ApiServer> {
  const http = createServer({ headersTimeout: maxHeaderMs, connectionsCheckingInterval: 1000 }, (message, response) => {
    void respond(message, response, handle, { report, noun, refuse: refuseOwn })
  })
  if (onUpgrade !== undefined) http.on('upgrade', onUpgrade)
  const server = contextFor === undefined ? http : createTlsDoor(http, contextFor, report)
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  const { port } = await listen(server, address, { Failure: LabError, flag })
  return {
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
