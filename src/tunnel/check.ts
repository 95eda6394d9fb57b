// Checks that a public port leads here by connecting to it.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { within } from '../deadline.ts'
import { type Address, formatAddress } from '../address.ts'
import { TunnelError } from '../errors.ts'
import { describeCondition } from '../text/system-error.ts'
import type { Forward } from './forward.ts'

const checkTimeoutMs = 15_000

/** Connects to an address and waits for a text. */
async function readGreeting(address: Address, signal: AbortSignal): Promise<string> {
  // The signal ends only the wait: if it also destroyed the socket, nobody would handle the socket's error.
  const socket = connect(address)
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => (text += chunk))
  try {
    await once(socket, 'end', { signal })
  } finally {
    socket.destroy()
  }
  return text
}

/** Connects to the public address and checks that this tunnel answers. @throws TunnelError, or the signal's reason */
export async function checkFromOutside(forward: Forward, outside: Address, signal: AbortSignal): Promise<void> {
  const greeting = randomUUID()
  using _ = forward.answerWith(greeting)
  const either = within(checkTimeoutMs, signal)
  let why: string
  try {
    if ((await readGreeting(outside, either)) === greeting) return
    why = 'something else answers there'
  } catch (error) {
    signal.throwIfAborted()
    why = either.aborted ? 'no answer' : describeCondition(error)
  }
  throw new TunnelError(`"${formatAddress(outside)}" does not lead here (${why})`, {
    hint: 'its sshd needs "GatewayPorts clientspecified" to listen for others, and its firewall must let the port through',
  })
}
