// Serial over SSH, like the real service: the user name is the device's id, one of the device's keys opens the console, and there is
// one session per machine and no scrollback.
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2'
import type { Address } from '../../address.ts'
import { settleBefore } from '../../deadline.ts'
import type { Reporter } from '../../io.ts'
import type { FaultPlan } from '../faults/faults.ts'
import type { SerialPort } from '../cloud/serial-port.ts'
import { onBreak } from './break.ts'
import { type Door, openDoor } from './door.ts'
import { EscapeFilter, sosHelp } from './escape.ts'
import { playSosFault } from './faults.ts'

/** The serial port of a device, as the SOS needs it. */
export interface SosPort {
  port: SerialPort
  /** Public keys that open it, as authorized_keys lines. */
  keys: readonly string[]
  /** Whether input is dropped, as it is while a device is being provisioned. */
  isReadOnly: () => boolean
}

/** The parts of an SOS. */
export interface SosParts {
  listen: Address
  /** Private key in PEM or OpenSSH format. */
  hostKey: string
  findPort: (deviceId: string) => SosPort | undefined
  /** Faults to play on connections. */
  faults?: FaultPlan
  /** What a session prints first; by default what the real SOS printed. */
  greeting?: string
  /** Whether a tilde at the beginning of a line is an escape, as in the real SOS. */
  hasEscapes?: boolean
  /** How long a client may take to log in and open its console, in ms. */
  patienceMs?: number
  report: Reporter
}

/** A listening SOS. Disposing it ends all sessions. */
export interface Sos extends AsyncDisposable {
  address: Address
}

const banner =
  '[SOS Session Ready. Use ~? for help.]\r\n[Note: You may need to press RETURN or Ctrl+L to get a prompt.]\r\n'
const busy =
  '[SOS session refused: another session is using this console. Close that session first: ~. in a terminal, "Let go" in the page.]\r\n'
/** The exit status of a refused session, which tells clients that it did not end normally: sysexits.h's EX_TEMPFAIL. */
const busyStatus = 75

/** How many bytes of output may wait for a client. Further output is lost, since a serial line does not wait. */
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

/** Whether the client proves, or in the first round only offers, one of the keys. */
function acceptsKey(context: AuthContext, keys: readonly string[]): boolean {
  if (context.method !== 'publickey') return false
  for (const line of keys) {
    const key = ssh2.utils.parseKey(line)
    if (key instanceof Error || !key.getPublicSSH().equals(context.key.data)) continue
    if (context.signature === undefined || context.blob === undefined) return true
    // An RSA signature without the name of a hash uses SHA-1.
    if (context.key.algo === 'ssh-rsa' && context.hashAlgo === undefined) return false
    return key.verify(context.blob, context.signature, context.hashAlgo)
  }
  return false
}

/** Prints a last line, and closes the channel in order: exit status, end, close. */
function endChannel(channel: ServerChannel, status: number, lastLine = ''): void {
  if (channel.destroyed || channel.writableEnded) return
  if (lastLine !== '') channel.stderr.write(lastLine)
  channel.exit(status)
  channel.end()
}

/** Connects a channel with a serial port, until the client leaves, or the machine goes off or is deleted. */
function attach(
  client: Connection,
  channel: ServerChannel,
  { port, isReadOnly }: SosPort,
  { greeting = banner, hasEscapes = true }: Pick<SosParts, 'greeting' | 'hasEscapes'>,
): void {
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
  if (greeting !== '') channel.write(greeting)
  const escape = new EscapeFilter()
  channel.on('data', (bytes: Buffer) => {
    if (channel.writableEnded) return
    for (const part of hasEscapes ? escape.take(bytes) : [bytes]) {
      if (part === 'leave') return endChannel(channel, 0)
      if (part === 'help') channel.write(sosHelp)
      else if (!isReadOnly()) port.type(part)
    }
  })
}

function serveSession(client: Connection, session: Session, deviceId: string, parts: SosParts): void {
  // A serial line has no use for the terminal's size. ssh2 refuses requests without a listener (exec, subsystems, forwarding).
  session.on('pty', (accept) => accept())
  session.on('window-change', (accept) => accept?.())
  session.on('shell', (accept, reject) => {
    const sosPort = parts.findPort(deviceId)
    if (sosPort === undefined) return reject()
    parts.report.debug(`sos: a session opens the console of ${deviceId}`)
    attach(client, accept(), sosPort, parts)
  })
}

function serveClient(client: Connection, parts: SosParts, onConsole: () => void): void {
  let deviceId = ''
  client.on('error', (error) => parts.report.debug(`sos: ${error.message}`))
  client.on('authentication', (context) => {
    const sosPort = parts.findPort(context.username)
    if (sosPort === undefined || !acceptsKey(context, sosPort.keys)) return context.reject(['publickey'])
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
 * Starts an SOS on its address, or behind a port that is already open.
 * @throws LabError if the port is taken
 */
export async function startSos(parts: SosParts, opened?: Door): Promise<Sos> {
  const { host } = parts.listen
  const ssh = new ssh2.Server({ hostKeys: [parts.hostKey], algorithms })
  const clients = new Set<Connection>()
  // Connections that have opened a console. They may be silent, because the machine may be silent.
  const inUse = new Set<string>()
  const serve = (client: Connection, { ip, port: from }: Partial<ssh2.ClientInfo> = {}) => {
    clients.add(client)
    client.on('close', () => clients.delete(client))
    serveClient(client, parts, () => inUse.add(`${ip} ${from}`))
  }
  ssh.on('connection', serve)
  const door = opened ?? (await openDoor(parts.listen))
  door.serve((socket) => {
    const peer = `${socket.remoteAddress} ${socket.remotePort}`
    const timer = setTimeout(() => {
      if (!inUse.has(peer)) socket.destroy()
    }, parts.patienceMs ?? loginPatienceMs)
    socket.once('close', () => {
      clearTimeout(timer)
      inUse.delete(peer)
    })
    const fault = parts.faults?.takeSos()
    if (fault === undefined) ssh.injectSocket(socket)
    else void playSosFault(fault, socket, { hostKey: parts.hostKey, algorithms, serve })
  })
  return {
    address: { host, port: door.address.port },
    async [Symbol.asyncDispose]() {
      const closed = door[Symbol.asyncDispose]()
      for (const client of clients) client.end()
      await settleBefore<void>({ ms: goodbyeTimeoutMs, late: () => door.destroyConnections() }, closed)
      await closed
    },
  }
}
