// A connection that forwards a port of another computer to this one (RFC 4254, section 7.1).
import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Channel, Client } from 'ssh2'
import type { Address } from '../address.ts'
import { TunnelError } from '../errors.ts'
import type { SshConnection } from '../ssh/connection.ts'

/** A forwarded port, which works as long as its connection lasts. */
export interface Forward {
  /** The port that the server listens on. */
  port: number
  /** Answers every connection with a text instead of forwarding it, until disposed. */
  answerWith(text: string): Disposable
}

async function listen(client: Client, { host, port }: Address): Promise<number | undefined> {
  return await new Promise((resolve) => {
    client.forwardIn(host, port, (error, bound) => resolve(error ? undefined : bound || port))
  })
}

/** Passes bytes both ways; if one side breaks, the other is closed. */
function join(channel: Channel, socket: Socket): void {
  const end = () => {
    channel.destroy()
    socket.destroy()
  }
  Promise.all([pipeline(channel, socket), pipeline(socket, channel)]).catch(end)
}

/**
 * Makes the server listen at `bind`, and forwards connections to `local`.
 * @throws TunnelError if the server refuses, saying whether the port is taken or forwarding is not allowed
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
  // The server does not say why. If it would listen on any other port, this one is taken.
  const other = bind.port === 0 ? undefined : await listen(client, { host: bind.host, port: 0 })
  if (other !== undefined) {
    throw new TunnelError(`"${server}" cannot listen on port ${bind.port}: it is taken there`, {
      hint: 'choose another with ?bind=port, or omit it',
    })
  }
  throw new TunnelError(`"${server}" does not allow listening on its ports`, {
    hint: 'its sshd needs "AllowTcpForwarding yes" and "GatewayPorts clientspecified"',
  })
}
