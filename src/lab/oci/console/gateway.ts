// The console gateway: SSH in two hops, as the service has it. The first hop's user is a console connection; it lets one stream
// through, to port 22 of the instance. In that stream is a second SSH server, old enough to know only ssh-rsa with SHA-1.
import { generateKeyPair } from 'node:crypto'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import ssh2, { type AuthContext, type Connection as Client, type ServerChannel } from 'ssh2'
import { settleBefore } from '../../../deadline.ts'
import type { Reporter } from '../../../io.ts'
import type { FaultPlan } from '../../faults/faults.ts'
import { onBreak } from '../../sos/break.ts'
import type { Door } from '../../sos/door.ts'
import { playSosFault } from '../../sos/faults.ts'
import type { ConsoleConnection, Connections } from './connections.ts'
import { nameNoSignatures, onGoodbye, prohibit } from './ssh2-internals.ts'

/** The parts of a gateway. */
export interface GatewayParts {
  connections: Connections
  /** The first hop's host key, PEM. */
  hostKey: string
  faults: FaultPlan
  /** How long a console stays locked after its client was lost without a goodbye. */
  lockoutMs: number
  /** How long a session lasts at most. */
  sessionMs?: number
  /** How long a client may take to log in, in ms. */
  patienceMs?: number
  report: Reporter
}

/** The text by which the service refuses a second client. */
export const oneAtATime = 'console access is limited to one connection at a time'

const banner = `
=================================================
IMPORTANT: Use a console connection to troubleshoot a malfunctioning instance. For normal operations, you should use a Secure Shell (SSH) or Remote Desktop connection to connect to the instance.

For more information about using a console connection, see https://docs.cloud.oracle.com/Content/Compute/References/serialconsole.htm#four
=================================================
`.replaceAll('\n', '\r\n')

const dayMs = 24 * 3_600_000
const loginPatienceMs = 120_000
const outputBufferBytes = 1 << 20

/** How long a client may take to hang up when the gateway closes. */
const goodbyeTimeoutMs = 1000

const outer: ssh2.Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384'],
  serverHostKey: ['rsa-sha2-512', 'rsa-sha2-256'],
}

/** What the second hop knows: of host keys only ssh-rsa. */
const inner: ssh2.Algorithms = { ...outer, serverHostKey: ['ssh-rsa'] }

/** Whether the client proves, or in the first round only offers, the connection's key, with SHA-1 or with SHA-2. */
function provesKey(context: AuthContext, { keyBlob }: ConsoleConnection, hash: 'sha1' | 'sha2'): boolean {
  if (context.method !== 'publickey' || !context.key.data.equals(keyBlob)) return false
  if (context.signature === undefined || context.blob === undefined) return true
  // A signature without the name of a hash uses SHA-1.
  if ((context.hashAlgo === undefined) !== (hash === 'sha1')) return false
  const key = ssh2.utils.parseKey(`ssh-rsa ${keyBlob.toString('base64')}`)
  return !(key instanceof Error) && key.verify(context.blob, context.signature, context.hashAlgo)
}

/** The second hop's host key, which another start of the lab replaces: the service's keys change too. */
async function makeInnerKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}

/** A console that one client has. */
interface Seat {
  /** Whether its client would be lost without a goodbye if the connection broke now. */
  isInUse: boolean
  /** Ends its session. */
  end: () => void
}

/** The SSH servers of a gateway. */
class Gateway {
  readonly #parts: GatewayParts
  readonly #clients = new Set<Client>()
  /** By connection. */
  readonly #seats = new Map<string, Seat>()
  /** Until when a console is locked, by connection. */
  readonly #locked = new Map<string, number>()
  #innerKey: Promise<string> | undefined

  constructor(parts: GatewayParts) {
    this.#parts = parts
    parts.connections.onDelete((id) => this.#seats.get(id)?.end())
  }

  /** Serves one client of the first hop. */
  serve(client: Client, socket: Socket, onConsole: () => void): void {
    const { connections, report } = this.#parts
    let connection: ConsoleConnection | undefined
    this.#clients.add(client)
    client.on('close', () => this.#clients.delete(client))
    client.on('error', (error) => report.debug(`gateway: ${error.message}`))
    client.on('authentication', (context) => {
      const requested = connections.find(context.username)
      if (requested?.state !== 'ACTIVE' || !provesKey(context, requested, 'sha2')) return context.reject(['publickey'])
      connection = requested
      context.accept()
    })
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      const { device } = connection?.instance ?? {}
      if (connection === undefined || destIP !== device?.id || destPort !== 22) return reject()
      const fault = this.#parts.faults.take('tunnel')?.kind
      if (fault === 'refused') return reject()
      if (fault === 'busy' || this.#isTaken(connection.id)) return prohibit(client, reject, oneAtATime)
      onConsole()
      void this.#seat(connection, { client, socket }, accept())
    })
  }

  #isTaken(id: string): boolean {
    return this.#seats.has(id) || (this.#locked.get(id) ?? 0) > performance.now()
  }

  /** Serves the second hop in a stream of the first. */
  async #seat(
    connection: ConsoleConnection,
    first: { client: Client; socket: Socket },
    stream: ServerChannel,
  ): Promise<void> {
    const { report, sessionMs = dayMs, lockoutMs } = this.#parts
    const { id } = connection
    const timer = setTimeout(() => seat.end(), sessionMs)
    timer.unref()
    const seat: Seat = {
      isInUse: false,
      end() {
        seat.isInUse = false
        stream.end()
      },
    }
    this.#seats.set(id, seat)
    stream.on('error', () => {})
    const leave = () => {
      clearTimeout(timer)
      if (this.#seats.get(id) !== seat) return
      this.#seats.delete(id)
      if (seat.isInUse) this.#locked.set(id, performance.now() + lockoutMs)
      report.debug(`gateway: a session of ${id} has ended${seat.isInUse ? ' without a goodbye' : ''}`)
    }
    stream.on('close', leave)
    first.socket.on('close', leave)
    const bow = () => {
      seat.end()
      leave()
    }
    // A client that is interrupted says goodbye at one of the hops only.
    onGoodbye(first.client, bow)
    this.#innerKey ??= makeInnerKey()
    const server = new ssh2.Server({ hostKeys: [await this.#innerKey], algorithms: inner })
    server.on('connection', (client) => {
      nameNoSignatures(client)
      client.on('error', (error) => report.debug(`gateway, second hop: ${error.message}`))
      onGoodbye(client, bow)
      // Any user will do: the documented command names none.
      client.on('authentication', (context) =>
        provesKey(context, connection, 'sha1') ? context.accept() : context.reject(['publickey']),
      )
      client.on('ready', () => {
        client.on('session', (accept) => {
          const session = accept()
          session.on('pty', (acceptPty) => acceptPty())
          session.on('window-change', (acceptChange) => acceptChange?.())
          session.on('shell', (acceptShell, rejectShell) => {
            const port = this.#parts.connections.instances.devices.findPort(connection.instance.device.id)
            if (port === undefined || port.isTaken) return rejectShell()
            const channel = acceptShell()
            this.#attach(client, channel, connection, seat)
          })
        })
      })
    })
    // The stream is not a socket of the system, but ssh2 only reads and writes it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    server.injectSocket(stream as unknown as Socket)
  }

  /** Connects a session with the serial port, until the client leaves, the machine goes off, or the connection is deleted. */
  #attach(client: Client, channel: ServerChannel, { instance }: ConsoleConnection, seat: Seat): void {
    const { devices } = this.#parts.connections.instances
    const port = devices.findPort(instance.device.id)
    channel.on('error', () => {})
    const end = () => {
      if (channel.destroyed || channel.writableEnded) return
      channel.exit(0)
      channel.end()
    }
    const session = port?.attach((bytes) => {
      if (channel.writableLength < outputBufferBytes && !channel.writableEnded) channel.write(bytes)
    }, end)
    if (port === undefined || session === undefined) return end()
    const endStream = seat.end
    const detach = () => session[Symbol.dispose]()
    seat.isInUse = true
    seat.end = () => {
      detach()
      end()
      endStream()
    }
    channel.on('close', detach)
    client.on('close', detach)
    onBreak(client, () => {
      if (!channel.writableEnded) port.sendBreak()
    })
    channel.write(banner)
    channel.on('data', (bytes: Buffer) => port.type(bytes))
  }

  /** Says goodbye to every client. */
  end(): void {
    for (const seat of this.#seats.values()) seat.end()
    for (const client of this.#clients) client.end()
  }
}

/** Starts a gateway behind a port that is already open. */
export function startGateway(parts: GatewayParts, door: Door): AsyncDisposable {
  const gateway = new Gateway(parts)
  door.serve((socket) => {
    const timer = setTimeout(() => socket.destroy(), parts.patienceMs ?? loginPatienceMs)
    socket.once('close', () => clearTimeout(timer))
    const serve = (client: Client) => gateway.serve(client, socket, () => clearTimeout(timer))
    const fault = parts.faults.takeSos()
    if (fault !== undefined) {
      void playSosFault(fault, socket, { hostKey: parts.hostKey, algorithms: outer, serve })
      return
    }
    const server = new ssh2.Server({ hostKeys: [parts.hostKey], algorithms: outer })
    server.on('connection', serve)
    server.injectSocket(socket)
  })
  return {
    async [Symbol.asyncDispose]() {
      const closed = door[Symbol.asyncDispose]()
      gateway.end()
      await settleBefore<void>({ ms: goodbyeTimeoutMs, late: () => door.destroyConnections() }, closed)
      await closed
    },
  }
}
