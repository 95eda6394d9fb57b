// Serial over SSH, as the real service has it: the user's name is the device's id, a key of the device opens it, one session a
// machine, no scrollback.
import { createServer, type Socket } from 'node:net'
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2'
import type { Address } from '../../address.ts'
import { LabError } from '../../errors.ts'
import { listen } from '../../listen.ts'
import type { Reporter } from '../../io.ts'
import type { FaultPlan } from '../faults/faults.ts'
import type { SerialPort } from '../cloud/serial-port.ts'
import { onBreak } from './break.ts'
import { EscapeFilter, escapeHelp } from './escape.ts'
import { playSosFault } from './faults.ts'

/** What the SOS needs to know of a device. */
export interface SosPort {
  port: SerialPort
  /** Public keys that open it, as lines of authorized_keys. */
  keys: readonly string[]
  /** Whether what is typed goes nowhere, as while a device is provisioned. */
  isReadOnly: () => boolean
}

/** What an SOS is made of. */
export interface SosParts {
  listen: Address
  /** Private key in PEM or OpenSSH format. */
  hostKey: string
  findPort: (deviceId: string) => SosPort | undefined
  /** What is to go wrong with connections. */
  faults?: FaultPlan
  /** How long a client may take to log in and open its console, in ms. */
  patienceMs?: number
  report: Reporter
}

/** An SOS that listens. Disposing it ends all sessions. */
export interface Sos extends AsyncDisposable {
  address: Address
}

const banner =
  '[SOS Session Ready. Use ~? for help.]\r\n[Note: You may need to press RETURN or Ctrl+L to get a prompt.]\r\n'
const busy =
  '[SOS session refused: another session has this console. Leave it there first: ~. in a terminal, "Let go" in the page.]\r\n'
/** By which clients tell a refusal from an end: sysexits.h's EX_TEMPFAIL. */
const busyStatus = 75

/** Output that may wait for a client; what is more is lost, since a serial line does not wait. */
const outputBufferBytes = 1 << 20

/** How long a client may take to log in and open its console, as sshd's LoginGraceTime. */
const loginPatienceMs = 120_000

/** How long a client may take to hang up when the SOS closes. */
const goodbyeTimeoutMs = 1000

const algorithms: ssh2.Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384'],
  serverHostKey: ['rsa-sha2-512', 'rsa-sha2-256'],
  cipher: [
    'chacha20-poly1305@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-gcm@openssh.com',
    'aes256-ctr',
    'aes128-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
}

/** Whether the context proves, or in the first round only offers, one of the keys. */
function acceptsKey(context: AuthContext, keys: readonly string[]): boolean {
  if (context.method !== 'publickey') return false
  for (const line of keys) {
    const key = ssh2.utils.parseKey(line)
    if (key instanceof Error || !key.getPublicSSH().equals(context.key.data)) continue
    if (context.signature === undefined || context.blob === undefined) return true
    // An RSA signature without a hash's name is one over SHA-1.
    if (context.key.algo === 'ssh-rsa' && context.hashAlgo === undefined) return false
    return key.verify(context.blob, context.signature, context.hashAlgo)
  }
  return false
}

/** Says a last line, and closes the channel in order: exit status, end, close. */
function endChannel(channel: ServerChannel, status: number, lastLine = ''): void {
  if (channel.destroyed || channel.writableEnded) return
  if (lastLine !== '') channel.stderr.write(lastLine)
  channel.exit(status)
  channel.end()
}

/** Joins a channel and a serial port, until the client leaves, or the machine goes off or is deleted. */
function attach(client: Connection, channel: ServerChannel, { port, isReadOnly }: SosPort): void {
  channel.on('error', () => {})
  const session = port.attach(
    (bytes) => {
      if (channel.writableLength < outputBufferBytes && !channel.writableEnded) channel.write(bytes)
    },
    () => endChannel(channel, 0),
  )
  if (session === undefined) return endChannel(channel, busyStatus, busy)
  const detach = () => session[Symbol.dispose]()
  channel.on('close', detach)
  client.on('close', detach)
  onBreak(client, () => {
    if (!channel.writableEnded && !isReadOnly()) port.sendBreak()
  })
  channel.write(banner)
  const escape = new EscapeFilter()
  channel.on('data', (bytes: Buffer) => {
    if (channel.writableEnded) return
    for (const part of escape.take(bytes)) {
      if (part === 'leave') return endChannel(channel, 0)
      if (part === 'help') channel.write(escapeHelp)
      else if (!isReadOnly()) port.type(part)
    }
  })
}

function serveSession(client: Connection, session: Session, deviceId: string, parts: SosParts): void {
  // A terminal's size means nothing to a serial line. What has no listener here (exec, subsystems, forwarding) is refused.
  session.on('pty', (accept) => accept())
  session.on('window-change', (accept) => accept?.())
  session.on('shell', (accept, reject) => {
    const found = parts.findPort(deviceId)
    if (found === undefined) return reject()
    parts.report.debug(`sos: a session opens the console of ${deviceId}`)
    attach(client, accept(), found)
  })
}

function serveClient(client: Connection, parts: SosParts, onConsole: () => void): void {
  let deviceId = ''
  client.on('error', (error) => parts.report.debug(`sos: ${error.message}`))
  client.on('authentication', (context) => {
    const found = parts.findPort(context.username)
    if (found === undefined || !acceptsKey(context, found.keys)) return context.reject(['publickey'])
    deviceId = context.username
    context.accept()
  })
  client.on('ready', () => {
    client.on('session', (accept) => {
      const session = accept()
      session.on('shell', onConsole)
      serveSession(client, session, deviceId, parts)
    })
  })
}

/**
 * Starts an SOS.
 * @throws LabError where the port is taken
 */
export async function startSos(parts: SosParts): Promise<Sos> {
  const { host } = parts.listen
  const ssh = new ssh2.Server({ hostKeys: [parts.hostKey], algorithms })
  const clients = new Set<Connection>()
  // Connections with a console: after that a quiet machine makes a quiet connection.
  const inUse = new Set<string>()
  const serve = (client: Connection, { ip, port: from }: Partial<ssh2.ClientInfo> = {}) => {
    clients.add(client)
    client.on('close', () => clients.delete(client))
    serveClient(client, parts, () => inUse.add(`${ip} ${from}`))
  }
  ssh.on('connection', serve)
  // Each typed character comes back as a packet of its own; without noDelay typing lags.
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    const peer = `${socket.remoteAddress} ${socket.remotePort}`
    const timer = setTimeout(() => {
      if (!inUse.has(peer)) socket.destroy()
    }, parts.patienceMs ?? loginPatienceMs)
    socket.once('close', () => {
      clearTimeout(timer)
      inUse.delete(peer)
      sockets.delete(socket)
    })
    const fault = parts.faults?.takeSos()
    if (fault === undefined) ssh.injectSocket(socket)
    else void playSosFault(fault, socket, { hostKey: parts.hostKey, algorithms, serve })
  })
  const bound = await listen(server, parts.listen, { Failure: LabError, flag: '--sos-port' })
  return {
    address: { host, port: bound.port },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const client of clients) client.end()
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, goodbyeTimeoutMs)
      await closed
      clearTimeout(timer)
    },
  }
}
