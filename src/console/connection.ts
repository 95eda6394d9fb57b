// One SSH connection to a console's server: the host key judged, the keys offered one by one, and every way to fail named.
import ssh2, { type AuthHandlerMiddleware, type Client, type ConnectConfig } from 'ssh2'
import type { Socket } from 'node:net'
import { chooseAlgorithms } from './algorithms.ts'
import { ConnectError, describePlace, explainHostKey, explainSshError, type SshError } from './connect-error.ts'
import { dial } from './dial.ts'
import type { Identities } from './identities.ts'
import type { HostPort, KnownHosts } from './known-hosts.ts'

const keepaliveIntervalMs = 15_000
/** How long the other side gets to close after a goodbye. */
const goodbyeMs = 1000

interface ProbeOptions {
  knownHosts: KnownHosts
  signal: AbortSignal
  /** For all of it: name, connection, key exchange, and where that is asked for authentication. */
  timeoutMs: number
}

/** How to connect, and as whom. */
export interface ConnectOptions extends ProbeOptions {
  address: HostPort
  username: string
  identities: Identities
}

/** A connection on which the user is logged in. Disposing says goodbye and closes it. */
export interface Connection extends AsyncDisposable {
  client: Client
  /** What the server says to everyone who logs in, '' if nothing. */
  banner: string
  /** What broke the connection, once something has. */
  failure(): Error | undefined
}

/** Offers the keys in order and remembers which were tried. */
function createOffers(username: string, identities: Identities): { next: AuthHandlerMiddleware; tried: string[] } {
  const rest = [...identities.keys]
  const tried: string[] = []
  const next = (methodsLeft: readonly string[] | null) => {
    const identity = methodsLeft === null || methodsLeft.includes('publickey') ? rest.shift() : undefined
    if (identity === undefined) return false
    tried.push(`${identity.label} (${identity.type})`)
    return { type: 'agent', username, agent: identity.signer }
  }
  return { next, tried }
}

async function sayGoodbye(client: Client, socket: Socket): Promise<void> {
  if (socket.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, goodbyeMs)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    client.end()
  })
  socket.destroy()
}

/** Connects up to a milestone: 'handshake' is before any authentication, 'ready' after it. */
async function open(
  milestone: 'handshake' | 'ready',
  { address, username, identities, knownHosts, signal, timeoutMs }: ConnectOptions,
): Promise<Connection> {
  const started = performance.now()
  const socket = await dial(address, { signal, timeoutMs })
  socket.setNoDelay(true)
  const client = new ssh2.Client()
  const { next, tried } = createOffers(username, identities)
  let banner = ''
  let hostKeyError: ConnectError | undefined
  let failure: Error | undefined
  const config: ConnectConfig = {
    sock: socket,
    username,
    algorithms: chooseAlgorithms(knownHosts.keyTypesFor(address)),
    hostVerifier: (key: Buffer) => {
      hostKeyError = explainHostKey(address, key, knownHosts)
      return hostKeyError === undefined
    },
    authHandler: next,
    keepaliveInterval: keepaliveIntervalMs,
    readyTimeout: Math.max(1, timeoutMs - (performance.now() - started)),
  }
  let ended = false
  const opened = new AbortController()
  socket.once('end', () => (ended = true))
  client.on('banner', (message) => (banner += message))
  try {
    await new Promise<void>((resolve, reject) => {
      // This handler stays: ssh2 emits errors after the end too, and one without a handler would end the program.
      client.on('error', (error: SshError) => {
        const reason = hostKeyError ?? explainSshError(error, address, { tried, ended })
        if (reason === undefined) return
        failure ??= reason
        reject(reason)
      })
      client.once('close', () => {
        failure ??= new ConnectError('dropped', `${describePlace(address)} closed the connection`)
        reject(failure)
      })
      signal.addEventListener('abort', () => reject(signal.reason), { signal: opened.signal })
      if (signal.aborted) return reject(signal.reason)
      if (milestone === 'ready') client.once('ready', () => resolve())
      else client.once('handshake', () => resolve())
      return void client.connect(config)
    })
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    opened.abort()
  }
  return {
    client,
    banner,
    failure: () => failure,
    async [Symbol.asyncDispose]() {
      await sayGoodbye(client, socket)
    },
  }
}

/** Connects and logs in. @throws ConnectError saying why not, or the signal's reason */
export async function connect(options: ConnectOptions): Promise<Connection> {
  return await open('ready', options)
}

/**
 * Checks that a console's server can be reached and shows a key that is trusted, and that it has that key; nobody logs in.
 * @throws ConnectError saying why not, or the signal's reason
 */
export async function probeHost(address: HostPort, options: ProbeOptions): Promise<void> {
  const connection = await open('handshake', { ...options, address, username: '', identities: { keys: [] } })
  await connection[Symbol.asyncDispose]()
}
