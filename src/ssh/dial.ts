// The TCP connection under SSH.
import { connect, type Socket } from 'node:net'
import type { Address } from '../address.ts'
import { settleBefore } from '../deadline.ts'
import { describeCondition, errorCode } from '../errors.ts'
import { ConnectError, describePlace, type FailureReason } from './connect-error.ts'

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
  return new ConnectError(reason, `${describePlace(address)} ${why}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

/** Bytes read at a time: so many that most packets of SSH are whole in them, and need not be put together. */
const readBytes = 256 * 1024

interface DialOptions {
  signal: AbortSignal
  timeoutMs: number
  /** Whether who reads keeps nothing of the bytes: then the next are read into the same memory, which spares much garbage. */
  mayLend?: () => boolean
}

/** Connects to a port; nothing is read until the socket is resumed. @throws ConnectError saying why not, or the signal's reason */
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
  // What is read before somebody listens would be lost.
  socket.pause()
  // Stays for the life of the socket: what comes later is told by ssh2, and must never be an error without a handler.
  socket.on('error', () => {})
  const late = () => {
    throw new ConnectError('timeout', `${describePlace(address)} did not answer within ${timeoutMs / 1000} s`)
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
