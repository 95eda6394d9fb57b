// The TCP connection under SSH.
import { connect, type Socket } from 'node:net'
import type { Address } from '../address.ts'
import { settleBefore } from '../deadline.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { ConnectError, quoteAddress, type FailureReason } from './connect-error.ts'

const causes: Record<string, { reason: FailureReason; why: string }> = {
  ECONNREFUSED: { reason: 'refused', why: 'refuses connections' },
  ECONNRESET: { reason: 'dropped', why: 'dropped the connection' },
  ENOTFOUND: { reason: 'name', why: 'has no address: no such name' },
  EAI_AGAIN: { reason: 'unreachable', why: 'has no address now: the name server does not answer' },
  ETIMEDOUT: { reason: 'timeout', why: 'does not answer' },
}

function explain(error: Error, address: Address): ConnectError {
  const { reason, why } = causes[errorCode(error) ?? ''] ?? {
    reason: 'unreachable',
    why: `cannot be reached: ${describeCondition(error)}`,
  }
  const hint = reason === 'name' ? 'check --sos' : undefined
  return new ConnectError(reason, `${quoteAddress(address)} ${why}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Bytes per read: enough for most SSH packets to arrive complete and need no reassembly. */
const readBytes = 256 * 1024

interface DialOptions {
  signal: AbortSignal
  timeoutMs: number
  /** True if the reader copies, so the buffer can be reused. */
  mayLend?: () => boolean
}

/** Connects to a port; reads nothing until the socket is resumed. @throws ConnectError with the cause, or the signal's reason */
export async function dial(
  address: Address,
  { signal, timeoutMs, mayLend = () => false }: DialOptions,
): Promise<Socket> {
  signal.throwIfAborted()
  const socket = connect({
    host: address.host,
    port: address.port,
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback(length, { buffer }) {
        const bytes = Buffer.from(buffer, 0, length)
        socket.emit('data', mayLend() ? bytes : Buffer.from(bytes))
        return true
      },
    },
  })
  // Data that arrives before anyone listens would be lost.
  socket.pause()
  // Stays for the socket's life: ssh2 reports later errors, and none may be unhandled.
  socket.on('error', () => {})
  const late = () => {
    throw new ConnectError('timeout', `${quoteAddress(address)} did not answer within ${timeoutMs / 1000} s`)
  }
  try {
    await settleBefore<void>({ ms: timeoutMs, late, signal }, (resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', (error) => reject(explain(error, address)))
    })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}
