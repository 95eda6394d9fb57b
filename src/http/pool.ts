// Connections that are kept open between requests, for as long as the server surely keeps them too.
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { callbackify } from 'node:util'
import { defaultPortOf, type Place } from './url-parts.ts'

/** Opens a connection: one that may still be under way, or a promise of one that is ready. */
export type Opener = (place: Place) => Socket | Promise<Socket>

/** Limits of a pool. */
export interface PoolSettings {
  /** The longest wait for a connection, TLS included, in ms. */
  connectMs: number
  /** How long an idle connection is kept if the server does not say how long it keeps it, in ms. */
  idleMs: number
  /** How many connections to one server are open at a time; undefined if that does not matter. */
  maxConnections: number | undefined
}

const waits = {
  connect: 'the connection timed out',
  answer: 'no answer came in time',
  body: 'the answer stopped midway',
}

/** The wait for a server was too long. Its message is shown. */
export class TimedOutError extends Error {
  /** What did not come: the connection, the beginning of the answer, or the rest of it. */
  readonly phase: keyof typeof waits

  constructor(phase: keyof typeof waits) {
    super(waits[phase])
    this.phase = phase
  }
}

/**
 * Idle connections are closed this long before the server would close them. Otherwise a POST could be sent on a connection that the
 * server has just closed, and nobody would know whether it was carried out.
 */
const marginMs = 2000
const maxIdleMs = 600_000
const probeMs = 60_000

/** Opens a connection without TLS. */
export function openPlain({ host, port }: Place): Socket {
  return connect({ host, port })
}

/** Opens a connection with TLS, over another one if it is given. The certificate must be trusted and name the host. */
export function openTls(place: Place, socket?: Socket): TLSSocket {
  // TLS is loaded only if it is needed.
  const tls = process.getBuiltinModule('node:tls')
  return tls.connect({ ...place, ...(socket && { socket }), ALPNProtocols: ['http/1.1'] })
}

/** The connections of one kind to any number of servers. */
export class Pool extends Agent {
  // As in Node's own agents: the protocol must match the request's, and the default port is left out of the Host header.
  readonly protocol: 'http:' | 'https:'
  readonly defaultPort: number
  readonly #open: Opener
  readonly #settings: PoolSettings
  readonly #opening = new WeakSet<Duplex>()
  readonly #idleMs = new WeakMap<Duplex, number>()
  /** When an idle connection is closed, in ms by the monotonic clock. */
  readonly #expiresMs = new WeakMap<Duplex, number>()

  constructor(protocol: 'http:' | 'https:', open: Opener, settings: PoolSettings) {
    const { maxConnections = Infinity } = settings
    super({ keepAlive: true, keepAliveMsecs: probeMs, maxSockets: maxConnections })
    this.protocol = protocol
    this.defaultPort = defaultPortOf(protocol)
    this.#open = open
    this.#settings = settings
  }

  /** True until a connection is ready. This wait has its own limit. */
  isOpening(socket: Duplex): boolean {
    return this.#opening.has(socket)
  }

  /** Reads from the `Keep-Alive` header how long the server keeps a connection. */
  noteHint(socket: Duplex, hint: string | string[] | undefined): void {
    const seconds = /timeout=(\d+)/i.exec(String(hint))?.[1]
    if (seconds !== undefined) this.#idleMs.set(socket, Math.min(Number(seconds) * 1000 - marginMs, maxIdleMs))
  }

  override createConnection(
    { host, port, servername }: Place,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): Socket | undefined {
    const socket = this.#open({ host, port, servername })
    if (socket instanceof Promise) {
      callbackify(async () => (await socket).on('error', () => {}))((error, ready) => callback?.(error, ready))
      return undefined
    }
    this.#limit(socket)
    return socket.setNoDelay(true)
  }

  override keepSocketAlive(socket: Socket): boolean {
    const idleMs = this.#idleMs.get(socket) ?? this.#settings.idleMs
    if (idleMs <= 0) return false
    super.keepSocketAlive(socket)
    // When it is over, Node closes the connection.
    socket.setTimeout(idleMs)
    this.#expiresMs.set(socket, performance.now() + idleMs)
    return true
  }

  /** Closes idle connections whose time is over: in a process that was stopped, another timer may be faster than theirs. */
  closeExpired(): void {
    const nowMs = performance.now()
    for (const idle of Object.values(this.freeSockets)) {
      for (const socket of idle?.filter((one) => nowMs >= (this.#expiresMs.get(one) ?? Infinity)) ?? []) {
        // Node hands out the last one, even if it is destroyed.
        idle?.splice(idle.indexOf(socket), 1)
        socket.destroy()
      }
    }
  }

  override destroy(): void {
    // Node would open connections for the requests that wait for one.
    for (const name of Object.keys(this.requests)) Reflect.deleteProperty(this.requests, name)
    super.destroy()
  }

  #limit(socket: Socket): void {
    this.#opening.add(socket)
    // Between two requests an error has no other listener.
    socket.on('error', () => {})
    const timer = setTimeout(() => socket.destroy(new TimedOutError('connect')), this.#settings.connectMs)
    const settle = () => {
      clearTimeout(timer)
      this.#opening.delete(socket)
    }
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', settle).once('close', settle)
  }
}
