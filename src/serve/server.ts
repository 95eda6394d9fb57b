// The HTTP server: takes requests, has them answered, logs them, and closes in order.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerOptions as HttpOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../address.ts'
import { errorCode, ServeError } from '../errors.ts'
import { openFilesHint, openFilesProblem } from '../files/open-files.ts'
import type { Reporter } from '../io.ts'
import { Boots } from './boots.ts'
import { checkContent, type Content, createFinder } from './content.ts'
import { type Answer, answerStatus } from './decide.ts'
import { listen, localUrl } from '../listen.ts'
import { clientOf, Places } from './places.ts'
import { formatTransfer } from './request-log.ts'
import { endSocket, respond } from './respond.ts'
import type { Tls } from './tls.ts'
import { startTransfer, type Transfer } from './transfer.ts'

export type { Content, FileSource } from './content.ts'

/** A server that runs. Disposing it lets running responses finish for a short time, and frees the port. */
export interface Server extends AsyncDisposable {
  /** What it listens on, the port never 0. */
  address: Address
  /** `http://host:port`, as a client on this computer reaches it. */
  url: string
  /** The machines that boot from it. */
  boots: Boots
  /** Calls the listener at the end of each request. */
  onServed(listener: (transfer: Transfer) => void): void
}

/** What a server needs, and the patience it has. */
export interface ServerOptions {
  listen: Address
  content: Content
  report: Pick<Reporter, 'info' | 'warn'>
  /** Serves https with it. */
  tls?: Tls | undefined
  /** Aborted: a server that is being disposed waits for nothing more. */
  forced?: AbortSignal
  /** A connection on which nothing moves for this long during a response is cut (node:http itself would wait for ever). */
  stallTimeoutMs?: number
  /** How long a client may take to say what it wants. */
  headersTimeoutMs?: number
  /** How long running responses may go on when the server is disposed. */
  closeTimeoutMs?: number
  /** Answers sent to one client at the same time, and some more in all; further requests get 503 and a Retry-After. */
  maxResponses?: number
}

/** Connections, whatever they do; beyond it they are closed unheard. */
const maxConnections = 2048
/** The part of connections and answers that is for other clients than the first, who may take all the rest. */
const othersShare = 1 / 8

/** What is answered where node:http found no request; undefined where there is nobody to tell. */
function answerBadRequest(error: Error, socket: Socket): Answer | undefined {
  const code = errorCode(error)
  if (!socket.writable || code === 'ECONNRESET' || socket.bytesRead === 0) return undefined
  return answerStatus(code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400)
}

/** node:http's server with our patience, over TLS if asked. */
function createHttpServer(tls: Tls | undefined, headersTimeoutMs: number, stallTimeoutMs: number) {
  const options: HttpOptions = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: 60_000,
    keepAliveTimeout: 15_000,
    // How often the above are looked at.
    connectionsCheckingInterval: Math.min(1000, headersTimeoutMs),
    // node:http's own answer to a request without Host has no length and is not logged; refuse() has one.
    requireHostHeader: false,
  }
  // A handshake is given the patience that a header is given.
  const tlsOptions = { handshakeTimeout: headersTimeoutMs }
  const server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tlsOptions, ...tls })
  // A client may close its side once it has asked; node:http would drop an answer that is not ready by then.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.timeout = stallTimeoutMs
  server.maxConnections = maxConnections
  return server
}

/** Starts to serve. @throws ServeError for a folder that cannot be served, an address that cannot be listened on, too few open files */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { content, report, tls, forced, stallTimeoutMs = 60_000, headersTimeoutMs = 15_000 } = options
  const { closeTimeoutMs = 2000, maxResponses = 512 } = options
  const problem = openFilesProblem()
  if (problem !== undefined) throw new ServeError(problem, { hint: openFilesHint })
  await checkContent(content)
  const boots = new Boots()
  const closing = new AbortController()
  const sources = { find: createFinder(content), boots, report, closing: closing.signal }
  const lines: string[] = []
  const writeLog = () => {
    if (lines.length > 0) report.info(lines.splice(0).join('\n'))
  }
  // What ends in one turn of the event loop is one write: to log each by itself takes a tenth of answering a small request.
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

  const handle = async (request: IncomingMessage, response: ServerResponse, transfer: Transfer, refusal?: Answer) => {
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
    // Requests that were sent without waiting for answers take their turn, so that a connection never holds more than one piece.
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

  /** Ends a connection where node:http has no response to answer with. Into the middle of a running one nothing is written. */
  const refuseSocket = (socket: unknown, answer: Answer | undefined, request?: IncomingMessage) => {
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
    // Before the end of a handshake nobody could read an answer.
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
      const patience = new AbortController()
      const enough = AbortSignal.any([patience.signal, ...(forced === undefined ? [] : [forced])])
      await Promise.race([
        Promise.all(running.values()),
        sleep(closeTimeoutMs, undefined, { signal: enough }).catch(() => {}),
      ])
      patience.abort()
      server.closeAllConnections()
      await Promise.all(running.values())
      writeLog()
      await closed
    },
  }
}
