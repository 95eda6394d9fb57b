// A fake SOS with faults, named after its behaviour: one behaviour per connection, the last one for all that follow.
import { readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import ssh2, { type Connection } from 'ssh2'
import { close, listen } from './port.ts'
import type { TestKey } from './sshd.ts'

export type SosBehaviour =
  /** Lets anyone in and echoes. */
  | 'echo'
  | 'refuse-keys'
  /** Ends the authentication as OpenSSH does after too many keys. */
  | 'too-many-keys'
  | 'refuse-shell'
  /** Closes the connection before sending anything. */
  | 'drop'
  /** Accepts the connection and sends nothing. */
  | 'silent'
  | 'not-ssh'
  /** Prints, then cuts the connection without closing the channel. */
  | 'cut-session'
  /** Prints, then disconnects without closing the channel. */
  | 'disconnect-session'
  /** Prints and closes the channel without an exit status. */
  | 'close-session'

export interface SosFake extends AsyncDisposable {
  host: string
  port: number
  /** Connections so far. */
  connections(): number
}

function serveSession(behaviour: SosBehaviour, client: Connection, socket: Socket): void {
  client.on('session', (accept) => {
    const session = accept()
    session.on('pty', (acceptPty) => acceptPty())
    session.on('shell', (acceptShell, rejectShell) => {
      if (behaviour === 'refuse-shell') return rejectShell()
      const channel = acceptShell()
      channel.write('hello\r\n')
      if (behaviour === 'cut-session') setTimeout(() => socket.resetAndDestroy(), 20)
      else if (behaviour === 'disconnect-session') setTimeout(() => client.end(), 20)
      else if (behaviour === 'close-session') channel.close()
      else channel.pipe(channel)
    })
  })
}

export async function startSosFake(hostKey: TestKey | ssh2.ParsedKey, ...behaviours: SosBehaviour[]): Promise<SosFake> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    const behaviour = behaviours[Math.min(connections, behaviours.length - 1)] ?? 'echo'
    connections++
    // Otherwise Nagle's algorithm in the fake would delay the output before a cut.
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    if (behaviour === 'drop') return socket.destroy()
    if (behaviour === 'silent') return socket.resume()
    if (behaviour === 'not-ssh') return socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    // A server object for each connection: its closure holds the behaviour.
    const sos = new ssh2.Server({ hostKeys: ['file' in hostKey ? readFileSync(hostKey.file) : { key: hostKey }] })
    sos.on('connection', (client) => {
      client.on('error', () => {})
      client.on('authentication', (context) => {
        if (behaviour === 'refuse-keys') context.reject(['publickey'])
        else if (behaviour === 'too-many-keys') Object(client)._protocol.disconnect(2)
        else context.accept()
      })
      client.on('ready', () => serveSession(behaviour, client, socket))
    })
    return sos.injectSocket(socket)
  })
  return {
    host: '127.0.0.1',
    port: await listen(server),
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await close(server)
    },
  }
}
