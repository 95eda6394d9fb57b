// Sends HTTP requests. Each wait has a limit, certificates are checked, and connections are used again.
import { setMaxListeners } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { heed } from '../deadline.ts'
import { type Opener, openPlain, openTls, Pool, TimedOutError } from './pool.ts'
import type { FindProxy } from './proxy.ts'
import { openTunnel, proxyLogin } from './tunnel.ts'
import { type Place, placeOf } from './url-parts.ts'

/** How servers are reached; all times in ms. */
export interface ConnectionSettings {
  /** The longest wait for a connection, TLS and a proxy's tunnel included; 10 s if undefined. */
  connectMs?: number
  /** The longest silence until a response begins; a minute if undefined. */
  answerMs?: number
  /** The longest silence in a response; 30 s if undefined. */
  silenceMs?: number
  /** The proxies to use; none if undefined. */
  findProxy?: FindProxy
  /** True if http requests are sent to the proxy as such: many refuse tunnels to other ports than 443. */
  forwardsHttp?: boolean
  /** How long an idle connection is kept if the server gives no time; 4 s if undefined. */
  idleMs?: number
  /** The most connections to a server at a time. */
  maxConnections?: number
  /** Opens connections for https in another way. */
  openSecure?: Opener
}

/** A request to send. */
export interface Outgoing {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  headers?: Record<string, string> | undefined
  body?: string | Buffer | undefined
  /** When aborted, the request and its response end. */
  signal?: AbortSignal | undefined
  /** How long the response may take to begin, in ms; the connections' own limit if undefined. */
  answerMs?: number | undefined
}

/** The connection was closed before the response began. */
class ClosedError extends Error {
  readonly code = 'ECONNRESET'

  constructor() {
    super('the connection was closed')
  }
}

const pieceBytes = 2 ** 16

/** The body in pieces, so that each is known to be sent. */
function* split(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes)
}

/** Ends a request whose response does not begin in time, or is silent for too long. */
function limitWaits(call: ClientRequest, pool: Pool, answerMs: number, silenceMs: number): void {
  call.once('socket', (socket) => {
    let timer: NodeJS.Timeout
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(end, answerMs)
    }
    // The pool limits the wait for the connection.
    const end = () => (pool.isOpening(socket) ? wait() : call.destroy(new TimedOutError('answer')))
    wait()
    // Each part of the body that is sent restarts the wait: a large one may take long on a slow line, silence may not.
    call.on('drain', wait)
    call.once('response', (answer) => {
      clearTimeout(timer)
      call.off('drain', wait)
      const onSilence = () => {
        // While bytes wait for a slow reader, the server is not silent.
        if (answer.readableLength > 0) socket.setTimeout(silenceMs)
        else answer.destroy(new TimedOutError('body'))
      }
      socket.setTimeout(silenceMs).on('timeout', onSilence)
      call.once('close', () => socket.off('timeout', onSilence))
    })
    call.once('close', () => clearTimeout(timer))
  })
}

/** Ends a request and its response with a signal. With Node's own option, a truncated response can look complete. */
function endWith(signal: AbortSignal, call: ClientRequest, reject: (reason: unknown) => void): void {
  let ending: ClientRequest | IncomingMessage = call
  const end = () => {
    ending.destroy(signal.reason)
    // Node itself would first wait for the connection or the look-up of its name.
    reject(signal.reason)
  }
  signal.addEventListener('abort', end)
  call.once('response', (message) => (ending = message)).once('close', () => signal.removeEventListener('abort', end))
}

/** Connections to any number of servers. */
export class Connections {
  readonly #settings: ConnectionSettings
  readonly #connectMs: number
  readonly #pools = new Map<string, Pool>()
  readonly #closing = new AbortController()

  constructor(settings: ConnectionSettings = {}) {
    this.#settings = settings
    // Each request listens.
    setMaxListeners(0, this.#closing.signal)
    this.#connectMs = settings.connectMs ?? 10_000
  }

  /**
   * Sends a request. A name and password in the URL are not sent.
   * @returns the response, whose body is still to be read or destroyed
   * @throws TimedOutError, RefusedByProxyError, the system's or OpenSSL's error, or signal.reason as soon as it is aborted
   */
  async request(url: URL, { method, headers, body, signal, answerMs }: Outgoing): Promise<IncomingMessage> {
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    const { findProxy, forwardsHttp = false, silenceMs = 30_000 } = this.#settings
    const proxy = findProxy?.(url)
    const path = `${url.pathname}${url.search}`
    const isForwarded = proxy !== undefined && forwardsHttp && url.protocol === 'http:'
    const server = isForwarded ? proxy : url
    const pool = this.#poolFor(server.protocol, isForwarded ? undefined : proxy)
    pool.closeExpired()
    const call = request({
      agent: pool,
      ...placeOf(server),
      method,
      path: isForwarded ? url.origin + path : path,
      headers: {
        ...(isForwarded && { host: url.host, ...proxyLogin(proxy) }),
        ...headers,
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
    })
    limitWaits(call, pool, answerMs ?? this.#settings.answerMs ?? 60_000, silenceMs)
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      call
        .on('error', reject)
        .once('response', (message) => {
          pool.noteHint(message.socket, message.headers['keep-alive'])
          // A server that answers before it has read the whole body may never read the rest.
          message.once('end', () => call.writableFinished || call.destroy())
          resolve(message)
        })
        // A switch to another protocol closes the connection without an error.
        .once('close', () => reject(new ClosedError()))
      if (signal !== undefined) endWith(signal, call, reject)
    })
    if (typeof body === 'string' || body === undefined) call.end(body)
    else Readable.from(split(body)).pipe(call)
    return await heed(answer, this.#closing.signal)
  }

  /** Closes all connections; requests that wait for an answer fail. */
  close(): void {
    this.#closing.abort(new ClosedError())
    for (const pool of this.#pools.values()) pool.destroy()
  }

  /** The connections with a protocol, directly or through a proxy. */
  #poolFor(protocol: string, proxy: URL | undefined): Pool {
    const isSecure = protocol === 'https:'
    const key = `${protocol} ${proxy?.href ?? ''}`
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    const { idleMs = 4000, maxConnections, openSecure = openTls } = this.#settings
    const connectMs = this.#connectMs
    const open: Opener =
      proxy === undefined
        ? isSecure
          ? (place) => openSecure(place)
          : openPlain
        : (place) => this.#tunnel(place, proxy, isSecure)
    const pool = new Pool(isSecure ? 'https:' : 'http:', open, { connectMs, idleMs, maxConnections })
    this.#pools.set(key, pool)
    return pool
  }

  #tunnel(place: Place, proxy: URL, isSecure: boolean) {
    const pool = this.#poolFor(proxy.protocol, undefined)
    return openTunnel(place, { proxy, pool, connectMs: this.#connectMs, isSecure, signal: this.#closing.signal })
  }
}
