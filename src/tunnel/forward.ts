// One connection through which a port of another computer leads here (RFC 4254, section 7.1).
import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Channel, Client } from 'ssh2'
import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'

/** A connection on which somebody is logged in. */
export interface SshConnection extends AsyncDisposable {
  client: Client
  /** What broke it, once something has. */
  failure(): Error | undefined
}

/** A port that leads here for as long as its connection holds. */
export interface Forward {
  /** The port that the server listens on. */
  port: number
  /** Answers every connection with a text instead of passing it on, until it is disposed of. */
  answerWith(text: string): Disposable
}

async function listen(client: Client, { host, port }: Address): Promise<number | undefined> {
  return await new Promise((resolve) => {
    client.forwardIn(host, port, (error, bound) => resolve(error ? undefined : bound || port))
  })
}

/** Passes bytes both ways; a side that breaks takes the other with it. */
function join(channel: Channel, socket: Socket): void {
  const end = () => {
    channel.destroy()
    socket.destroy()
  }
  Promise.all([pipeline(channel, socket), pipeline(socket, channel)]).catch(end)
}

/**
 * Has the server listen at `bind`, and passes what connects there on to `local`.
 * @throws TunnelError where the server does not, saying whether the port is taken or nothing is allowed
 */
export async function forwardPort(
  { client }: SshConnection,
  options: { bind: Address; local: Address; server: string },
): Promise<Forward> {
  const { bind, local, server } = options
  let answer: string | undefined
  client.on('tcp connection', (_, accept) => {
    const channel = accept()
    channel.on('error', () => {})
    if (answer === undefined) join(channel, connect(local))
    else channel.end(answer)
  })
  const port = await listen(client, bind)
  if (port !== undefined) {
    return {
      port,
      answerWith(text) {
        answer = text
        return { [Symbol.dispose]: () => void (answer = undefined) }
      },
    }
  }
  // The server does not say why. Where it would listen on any other port, this one is taken.
  const other = bind.port === 0 ? undefined : await listen(client, { host: bind.host, port: 0 })
  if (other !== undefined) {
    throw new TunnelError(`"${server}" cannot listen on port ${bind.port}: it is taken there`, {
      hint: 'choose another with ?bind=port, or leave it out',
    })
  }
  throw new TunnelError(`"${server}" does not allow to listen on its ports`, {
    hint: 'its sshd needs "AllowTcpForwarding yes" and "GatewayPorts clientspecified"',
  })
}
