// The HTTP server: takes requests, has them answered, logs them, and closes in order.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { checkContent, type Content, createFinder } from './content.ts'
import { type Answer, answerStatus } from './decide.ts'
import { listen, type ListenAddress, localUrl } from './listen.ts'
import { formatServed, type Served } from './request-log.ts'
import { endSocket, respond, type Result } from './respond.ts'

export type { Content, FileSource } from './content.ts'

/** A server that runs. Disposing it lets running responses finish for a short time, and frees the port. */
export interface Server extends AsyncDisposable {
  /** What it listens on, the port never 0. */
  address: ListenAddress
  /** `http://host:port`, as a client on this computer reaches it. */
  url: string
  /** Calls the listener at the end of each request. */
  onServed(listener: (served: Served) => void): void
}

/** What a server needs, and the patience it has. */
export interface ServerOptions {
  listen: ListenAddress
  content: Content
  report: Pick<Reporter, 'info' | 'warn'>
  /** Aborted: a server that is being disposed waits for nothing more. */
  forced?: AbortSignal
  /** A connection on which nothing moves for this long during a response is cut (node:http itself would wait for ever). */
  stallTimeoutMs?: number
  /** How long running responses may go on when the server is disposed. */
  closeTimeoutMs?: number
}

/** What is answered where node:http found no request; undefined where there is nobody to tell. */
function answerBadRequest(error: Error, socket: Socket): Answer | undefined {
  const code = errorCode(error)
  if (!socket.writable || code === 'ECONNRESET' || socket.bytesRead === 0) return undefined
  return answerStatus(code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400)
}

/** Starts to serve. @throws ServeError for a folder that cannot be served or an address that cannot be listened on */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { content, report, forced, stallTimeoutMs = 60_000, closeTimeoutMs = 2000 } = options
  await checkContent(content)
  const find = createFinder(content)
  const listeners: ((served: Served) => void)[] = [(served) => report.info(formatServed(served))]
  const running = new Map<Socket, Promise<void>>()
  const stalled = new WeakSet<Socket>()

  const log = (client: string | undefined, request: IncomingMessage | undefined, startedMs: number, result: Result) => {
    const ms = performance.now() - startedMs
    const asked = { method: request?.method ?? '-', path: request?.url ?? '-' }
    for (const listener of listeners) listener({ at: new Date(), client: client ?? '', ...asked, ms, ...result })
  }

  const handle = async (request: IncomingMessage, response: ServerResponse, client: string | undefined) => {
    const startedMs = performance.now()
    const result = await respond(request, response, find, report)
    log(client, request, startedMs, stalled.has(request.socket) ? { ...result, cut: 'stalled' } : result)
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    // Kept now: a socket that was closed no longer knows.
    const client = socket.remoteAddress
    // Requests that were sent without waiting for answers take their turn, so that a connection never holds more than one buffer.
    const before = running.get(socket) ?? Promise.resolve()
    const turn = before.then(() => handle(request, response, client))
    running.set(socket, turn)
    void turn.finally(() => {
      if (running.get(socket) === turn) running.delete(socket)
    })
  }

  /** Ends a connection where node:http has no response to answer with. Into the middle of a running one nothing is written. */
  const refuseSocket = (socket: unknown, answer: Answer | undefined, request?: IncomingMessage) => {
    if (!(socket instanceof Socket)) return
    if (answer === undefined || running.has(socket)) {
      socket.destroy()
      return
    }
    const { remoteAddress } = socket
    endSocket(socket, answer)
    log(remoteAddress, request, performance.now(), {
      status: answer.status,
      bytes: Number(answer.headers['Content-Length']),
    })
  }

  const server = createServer({
    headersTimeout: 15_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 15_000,
    // node:http's own answer to a request without Host has no length and is not logged; refuse() has one.
    requireHostHeader: false,
  })
  // A client may close its side once it has asked; node:http would drop an answer that is not ready by then.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.timeout = stallTimeoutMs
  server.on('timeout', (socket) => {
    if (running.has(socket)) stalled.add(socket)
    socket.destroy()
  })
  server.on('request', onRequest)
  server.on('checkExpectation', onRequest)
  server.on('clientError', (error, socket) => {
    refuseSocket(socket, socket instanceof Socket ? answerBadRequest(error, socket) : undefined)
  })
  server.on('connect', (request, socket) => refuseSocket(socket, answerStatus(405, { Allow: 'GET, HEAD' }), request))

  const address = await listen(server, options.listen)
  server.on('error', (error) => report.warn(`serving: ${error.message}`))
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve)
  })

  return {
    address,
    url: localUrl(address),
    onServed: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      server.close()
      const patience = new AbortController()
      const enough = AbortSignal.any([patience.signal, ...(forced === undefined ? [] : [forced])])
      await Promise.race([
        Promise.all(running.values()),
        sleep(closeTimeoutMs, undefined, { signal: enough }).catch(() => {}),
      ])
      patience.abort()
      server.closeAllConnections()
      await Promise.all(running.values())
      await closed
    },
  }
}
