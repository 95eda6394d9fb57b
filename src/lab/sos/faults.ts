// Plays the faults of connections to the SOS.
import type { Socket } from 'node:net'
import ssh2, { type Connection } from 'ssh2'
import type { SosFault } from '../faults/dialect.ts'
import { makeHostKey } from './ssh-keys.ts'

/** Long enough for a client to show the first lines of the session. */
const sessionMs = 300

/** A host key other than the SOS's. */
let strangeKey: Promise<string> | undefined

/** Serves one connection with a fault. `serve` serves a connection without a fault. */
export async function playSosFault(
  fault: SosFault,
  socket: Socket,
  sos: { hostKey: string; algorithms: ssh2.Algorithms; serve: (client: Connection) => void },
): Promise<void> {
  socket.on('error', () => {})
  if (fault === 'drop-before') return void socket.resetAndDestroy()
  if (fault === 'silent') return void socket.resume()
  const hostKey = fault === 'wrong-key' ? await (strangeKey ??= makeHostKey()) : sos.hostKey
  const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: sos.algorithms })
  server.on('connection', (client) => {
    if (fault === 'auth-refused') {
      client.on('error', () => {}).on('authentication', (context) => context.reject(['publickey']))
      return
    }
    sos.serve(client)
    if (fault === 'drop-session')
      client.on('ready', () => setTimeout(() => socket.resetAndDestroy(), sessionMs).unref())
  })
  server.injectSocket(socket)
}
