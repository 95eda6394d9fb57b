// One SSH connection to a console's server: checks the host key, offers keys one by one, and names every failure.
import type { Duplex } from 'node:stream'
import ssh2, { type Client, type ConnectConfig } from 'ssh2'
import { settleBefore } from '../deadline.ts'
import { chooseAlgorithms, keepsNothing } from './algorithms.ts'
import { askCertificate } from './ask-certificate.ts'
import { ConnectError, quoteAddress, explainSshError, type SshError } from './connect-error.ts'
import { dial } from './dial.ts'
import type { Identities } from './identities.ts'
import { createOffers } from './offers.ts'
import type { HostTrust, JudgedHost } from './host-key-trust.ts'

const keepaliveIntervalMs = 15_000
/** How long the other side may take to close after a goodbye. */
const goodbyeMs = 1000

/** A reachable host: its address, its trusted keys, the keys to offer, and its jump hosts, nearest first. */
export interface HostAccess extends JudgedHost {
  trust: HostTrust
  identities: Identities
  via: readonly (HostAccess & { username: string })[]
  /** True for a host that knows only SHA-1 signatures (`ssh-rsa`): they are accepted, but only through a jump host. */
  isSha1Only?: boolean | undefined
}

interface Limits {
  signal: AbortSignal
  /** For everything: name lookup, connection, key exchange and, if requested, authentication. */
  timeoutMs: number
}

/** How to connect, and as which user. */
export interface ConnectOptions extends HostAccess, Limits {
  username: string
}

/** An authenticated connection. Disposing closes it in order. */
export interface SshConnection extends AsyncDisposable {
  client: Client
  /** The server's banner; '' if it has none. */
  banner: string
  /** The error that broke the connection, if any. */
  failure(): Error | undefined
}

async function sayGoodbye(client: Client, socket: Duplex): Promise<void> {
  if (socket.destroyed) return
  await settleBefore<void>({ ms: goodbyeMs, late: () => {} }, (resolve) => {
    socket.once('close', resolve)
    client.end()
  })
  socket.destroy()
}

/** How much a server may send before login; key exchange and banner take a few KB. */
const maxBytesBeforeLogin = 2 ** 20
const maxBannerCharacters = 65_536

/** The transport to a host: a TCP connection, or a channel through the last jump host. */
async function openStream(
  options: ConnectOptions,
  mayLend = () => false,
): Promise<{ stream: Duplex; hop: SshConnection | undefined }> {
  const { address, via, signal, timeoutMs } = options
  const last = via.at(-1)
  if (last === undefined) {
    const socket = await dial(address, { signal, timeoutMs, mayLend })
    socket.setNoDelay(true)
    return { stream: socket, hop: undefined }
  }
  const hop = await connect({ ...last, via: via.slice(0, -1), signal, timeoutMs })
  try {
    const stream = await new Promise<Duplex>((resolve, reject) => {
      hop.client.forwardOut('127.0.0.1', 0, address.host, address.port, (error, channel) => {
        if (error === undefined) return resolve(channel)
        const what = `${quoteAddress(last.address)} cannot reach ${quoteAddress(address)}: ${error.message}`
        return reject(hop.failure() ?? new ConnectError('unreachable', what, { cause: error }))
      })
    })
    // Stays for the channel's life, like the handler on a socket.
    stream.on('error', () => {})
    return { stream, hop }
  } catch (error) {
    await hop[Symbol.asyncDispose]()
    throw error
  }
}

/** Connects up to a milestone: 'handshake' comes before authentication, 'ready' after it. */
async function open(milestone: 'handshake' | 'ready', options: ConnectOptions): Promise<SshConnection> {
  const { address, place, username, identities, trust, via, signal, timeoutMs } = options
  // The jump host has been checked, so nobody outside it can take part in this exchange.
  const isSha1Allowed = options.isSha1Only === true && via.length > 0
  const started = performance.now()
  let mayLend = false
  const { stream, hop } = await openStream(options, () => mayLend)
  const client = new ssh2.Client()
  // ssh2 keeps the messages of the first key exchange.
  client.on('handshake', (negotiated) => (mayLend = keepsNothing(negotiated)))
  const { next, tried } = createOffers(username, identities, isSha1Allowed)
  let banner = ''
  let hostKeyError: ConnectError | undefined
  let failure: Error | undefined
  const config: ConnectConfig = {
    sock: stream,
    username,
    algorithms: chooseAlgorithms(trust.knownHosts.keyTypesFor(place), isSha1Allowed),
    hostVerifier: (key: Buffer) => {
      hostKeyError = trust.judge({ address, place }, key)
      return hostKeyError === undefined
    },
    authHandler: next,
    keepaliveInterval: keepaliveIntervalMs,
    readyTimeout: Math.max(1, timeoutMs - (performance.now() - started)),
  }
  let ended = false
  const opened = new AbortController()
  stream.once('end', () => (ended = true))
  client.on('banner', (message) => (banner = (banner + message).slice(0, maxBannerCharacters)))
  let received = 0
  try {
    await new Promise<void>((resolve, reject) => {
      // This handler stays: ssh2 emits errors after the end too, and an unhandled one would crash the program.
      client.on('error', (error: SshError) => {
        const reason = hostKeyError ?? explainSshError(error, address, { tried, ended })
        if (reason === undefined) return
        failure ??= reason
        reject(reason)
      })
      client.once('close', () => {
        failure ??= new ConnectError('dropped', `${quoteAddress(address)} closed the connection`)
        reject(failure)
      })
      signal.addEventListener('abort', () => reject(signal.reason), { signal: opened.signal })
      if (signal.aborted) return reject(signal.reason)
      // A server may send anything before its version, and any number of banners; some never stop.
      const count = (chunk: Buffer) => {
        received += chunk.length
        if (received <= maxBytesBeforeLogin) return
        const what = `${quoteAddress(address)} sends too much: more than ${maxBytesBeforeLogin / 2 ** 20} MB before a login`
        reject(new ConnectError('protocol', what))
      }
      stream.on('data', count)
      opened.signal.addEventListener('abort', () => stream.off('data', count))
      if (milestone === 'ready') client.once('ready', () => resolve())
      else client.once('handshake', () => resolve())
      return void client.connect(config)
    })
  } catch (error) {
    stream.destroy()
    await hop?.[Symbol.asyncDispose]()
    throw error
  } finally {
    opened.abort()
  }
  return {
    client,
    banner,
    failure: () => failure,
    async [Symbol.asyncDispose]() {
      await sayGoodbye(client, stream)
      await hop?.[Symbol.asyncDispose]()
    },
  }
}

/** The certificate that a host presents, requested on a separate connection. */
async function fetchCertificate(options: ConnectOptions): Promise<Buffer | undefined> {
  const { stream, hop } = await openStream(options)
  try {
    return await askCertificate(stream, options)
  } finally {
    await hop?.[Symbol.asyncDispose]()
  }
}

/** Connects; asks for a certificate first if that may matter, and tries once more if the user accepts an unknown host. */
async function openTrusted(milestone: 'handshake' | 'ready', options: ConnectOptions): Promise<SshConnection> {
  const { trust, place } = options
  if (trust.asksCertificate(place)) trust.recordCertificate(options, await fetchCertificate(options))
  try {
    return await open(milestone, options)
  } catch (error) {
    const key = error instanceof ConnectError ? error.unknownKey : undefined
    // A jump host's unknown key was decided when the hop was opened.
    if (key === undefined || options.trust.judge(options, key) === undefined) throw error
    if (!(await options.trust.decideUnknown(options, key, options.signal))) throw error
    return await open(milestone, options)
  }
}

/** Connects and logs in. @throws ConnectError with the cause, or the signal's reason */
export async function connect(options: ConnectOptions): Promise<SshConnection> {
  return await openTrusted('ready', options)
}

/**
 * Checks that a console's server is reachable, presents a trusted host key and proves that it owns that key; does not log in.
 * @throws ConnectError with the cause, or the signal's reason
 */
export async function probeHost(access: HostAccess, limits: Limits): Promise<void> {
  const connection = await openTrusted('handshake', { ...access, ...limits, username: '', identities: { keys: [] } })
  await connection[Symbol.asyncDispose]()
}
