// The HTTP server: accepts requests, has them answered, logs them, and shuts down in order.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerOptions as HttpOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Address } from '../address.ts'
import { settleBefore } from '../deadline.ts'
import { ServeError } from '../errors.ts'
import { errorCode } from '../text/system-error.ts'
import { checkOpenFiles } from '../files/open-files.ts'
import type { Reporter } from '../io.ts'
import { Boots } from './boots.ts'
import { checkContent, type Content, createFinder } from './content.ts'
import { type Decision, answerStatus } from './decide.ts'
import { listen, localUrl } from '../listen.ts'
import { clientOf, Places } from './places.ts'
import { formatTransfer } from './request-log.ts'
import { endSocket, respond } from './respond.ts'
import type { Tls } from './tls.ts'
import { startTransfer, type Transfer } from './transfer.ts'

export type { Content, FileSource } from './content.ts'

/** A running server. Disposing it gives running responses a short time to finish and frees the port. */
export interface Server extends AsyncDisposable {
  /** The address it listens on; the port is never 0. */
  address: Address
  /** `http://host:port`, for clients on this computer. */
  url: string
  /** The machines that boot from it. */
  boots: Boots
  /** Adds a listener that is called at the end of each request. */
  onServed(listener: (transfer: Transfer) => void): void
}

/** What a server needs, and its timeouts. */
export interface ServerOptions {
  listen: Address
  content: Content
  report: Pick<Reporter, 'info' | 'warn'>
  /** If present, the server speaks https. */
  tls?: Tls | undefined
  /** When aborted, disposal waits for nothing more. */
  forced?: AbortSignal
  /** A connection that makes no progress for this long during a response is cut (node:http itself would wait for ever). */
  stallTimeoutMs?: number
  /** How long a client may take to send its headers. */
  headersTimeoutMs?: number
  /** How long running responses may continue when the server is disposed. */
  closeTimeoutMs?: number
  /** Concurrent responses to one client, and a few more in all; further requests get 503 and a Retry-After. */
  maxResponses?: number
}

/** How long closed connections' answers may take to end: a look-up on a file system that hangs never does. */
const hungTimeoutMs = 1000

/** The most open connections, idle or not; further ones are closed at once. */
const maxConnections = 2048
/** The share of connections and responses reserved for other clients, so that one client cannot take them all. */
const othersShare = 1 / 8

/** Waits until the responses have ended, for at most this long, or until the signal aborts. */
async function waitForAll(responses: Iterable<Promise<void>>, ms: number, signal?: AbortSignal): Promise<void> {
  await settleBefore<unknown>({ ms, late: () => undefined, signal }, Promise.all(responses)).catch(() => {})
}

/** The response to bytes in which node:http found no request; undefined if the client is gone. */
function answerBadRequest(error: Error, socket: Socket): Decision | undefined {
  const code = errorCode(error)
  if (!socket.writable || code === 'ECONNRESET' || socket.bytesRead === 0) return undefined
  return answerStatus(code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400)
}

/** node:http's server with our timeouts, over TLS if configured. */
function createHttpServer(tls: Tls | undefined, headersTimeoutMs: number, stallTimeoutMs: number) {
  const options: HttpOptions = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: 60_000,
    keepAliveTimeout: 15_000,
    // How often the timeouts above are checked.
    connectionsCheckingInterval: Math.min(1000, headersTimeoutMs),
    // node:http's own response to a request without Host has no length and is not logged; refuse() makes a proper one.
    requireHostHeader: false,
  }
  // A handshake may take as long as the headers.
  const tlsOptions = { handshakeTimeout: headersTimeoutMs }
  const server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tlsOptions, ...tls })
  // A client may close its side after sending its request; node:http would drop a response that is not ready by then.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.timeout = stallTimeoutMs
  server.maxConnections = maxConnections
  return server
}

/** Starts a server. @throws ServeError for a folder it cannot serve, an address it cannot listen on, or a low open-file limit */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { content, report, tls, forced, stallTimeoutMs = 60_000, headersTimeoutMs = 15_000 } = options
  const { closeTimeoutMs = 2000, maxResponses = 512 } = options
  checkOpenFiles(ServeError)
  await checkContent(content)
  const boots = new Boots()
  const closing = new AbortController()
  const sources = { find: createFinder(content), boots, report, closing: closing.signal }
  const lines: string[] = []
  const writeLog = () => {
    if (lines.length > 0) report.info(lines.splice(0).join('\n'))
  }
  // Requests that end in one turn of the event loop are logged with one write: one each takes a tenth of the time of a small request.
  const log = (transfer: Transfer) => {
    if (lines.push(formatTransfer(transfer)) === 1) setImmediate(writeLog)
  }
  const listeners: ((transfer: Transfer) => void)[] = [log]
  const running = new Map<Socket, Promise<void>>()
  const maxInAll = maxResponses + Math.ceil(maxResponses * othersShare)
  const responses = new Places(maxResponses)
  const connections = new Places(maxConnections * (1 - othersShare))
  const stalled = new WeakSet<Socket>()

  const end = (transfer: Transfer) => {
    transfer.endedMs = performance.now()
    if (!transfer.watches) for (const listener of listeners) listener(transfer)
  }

  const handle = async (request: IncomingMessage, response: ServerResponse, transfer: Transfer, refusal?: Decision) => {
    boots.see(transfer)
    await respond(request, response, transfer, sources, refusal)
    if (stalled.has(request.socket)) transfer.cut = 'stalled'
    end(transfer)
  }

  const onRequest: RequestListener = (request, response) => {
    const { socket } = request
    const transfer = startTransfer(request, socket.remoteAddress)
    const client = clientOf(transfer.client)
    const isNew = !running.has(socket)
    const busy = isNew && (running.size >= maxInAll || responses.isFull(client))
    if (isNew) responses.take(client)
    const refusal = busy ? answerStatus(503, { 'Retry-After': 5, Connection: 'close' }) : undefined
    // Pipelined requests are answered in turn, so that a connection never holds more than one piece.
    const before = running.get(socket)
    const takeTurn = async () => {
      if (before !== undefined) await before
      await handle(request, response, transfer, refusal)
      if (running.get(socket) !== turn) return
      running.delete(socket)
      responses.release(client)
    }
    const turn = takeTurn()
    running.set(socket, turn)
  }

  /** Refuses on a connection for which node:http has no response object. Nothing is written into the middle of a running response. */
  const refuseSocket = (socket: unknown, answer: Decision | undefined, request?: IncomingMessage) => {
    if (!(socket instanceof Socket)) return
    if (answer === undefined || running.has(socket)) {
      socket.destroy()
      return
    }
    const bytes = Number(answer.headers['Content-Length'])
    const transfer = { ...startTransfer(request, socket.remoteAddress), status: answer.status, bytes }
    endSocket(socket, answer)
    end(transfer)
  }

  const server = createHttpServer(tls, headersTimeoutMs, stallTimeoutMs)
  server.on('timeout', (socket) => {
    if (running.has(socket)) stalled.add(socket)
    socket.destroy()
  })
  server.on('connection', (socket) => {
    const client = clientOf(socket.remoteAddress ?? '')
    if (connections.isFull(client)) {
      socket.destroy()
      return
    }
    connections.take(client)
    socket.once('close', () => connections.release(client))
  })
  server.on('request', onRequest)
  server.on('checkExpectation', onRequest)
  server.on('clientError', (error, socket) => {
    // Before the handshake is complete, the client could not read a response.
    if (/^ERR_(TLS|SSL)_/.test(errorCode(error) ?? '') && socket instanceof Socket) {
      const status = errorCode(error) === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 408 : 400
      end({ ...startTransfer(undefined, socket.remoteAddress), status, cut: 'no TLS' })
      socket.destroy()
      return
    }
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
    url: localUrl(address, tls !== undefined),
    boots,
    onServed: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      closing.abort()
      server.close()
      await waitForAll(running.values(), closeTimeoutMs, forced)
      server.closeAllConnections()
      // A hanging file system delays only the requests for its own files.
      await waitForAll(running.values(), hungTimeoutMs)
      writeLog()
      await closed
    },
  }
}
