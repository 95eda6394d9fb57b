// A console behind a TCP port, such as ser2net's: the bytes of the line as they are, or telnet if the peer begins with it.
import { connect, type Socket } from 'node:net'
import { type Address, formatAddress } from '../../address.ts'
import { settleBefore } from '../../deadline.ts'
import { describeCondition } from '../../text/system-error.ts'
import { LinkError } from './console-error.ts'
import { type Connect, type Link, maxWaitingInput } from './link.ts'
import { speaksTelnet, Telnet } from './telnet.ts'

const connectMs = 10_000
/** A peer that has vanished without a word is noticed 10 s later. */
const keepAliveMs = 15_000
/** Bytes that may be telnet's, but are too few to tell, are the line's after this time. */
const undecidedMs = 500

/** Connects to the port. @throws LinkError with the reason, or the signal's reason */
async function dial(address: Address, signal: AbortSignal): Promise<Socket> {
  const place = `"${formatAddress(address)}"`
  const socket = connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs })
  // Stays for the socket's life.
  socket.on('error', () => {})
  const late = () => {
    throw new LinkError(`${place} does not answer within ${connectMs / 1000} s`)
  }
  try {
    await settleBefore<void>({ ms: connectMs, late, signal }, (resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', (cause) =>
        reject(new LinkError(`${place} cannot be reached: ${describeCondition(cause)}`, { cause })),
      )
    })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Finds out what the peer speaks, and takes the line's bytes out of it. */
class Decoder {
  telnet: Telnet | undefined
  #undecided: Buffer | undefined = Buffer.alloc(0)
  #timer: NodeJS.Timeout | undefined
  readonly #onOutput: (bytes: Buffer) => void
  readonly #answer: (bytes: Buffer) => void

  constructor(onOutput: (bytes: Buffer) => void, answer: (bytes: Buffer) => void) {
    this.#onOutput = onOutput
    this.#answer = answer
  }

  take(chunk: Buffer): void {
    if (this.#undecided === undefined) return this.#decode(chunk)
    const bytes = Buffer.concat([this.#undecided, chunk])
    const verdict = speaksTelnet(bytes)
    clearTimeout(this.#timer)
    if (verdict === undefined) {
      this.#undecided = bytes
      this.#timer = setTimeout(() => this.#decide(bytes, false), undecidedMs)
      return
    }
    this.#decide(bytes, verdict)
  }

  #decide(bytes: Buffer, isTelnet: boolean): void {
    this.#undecided = undefined
    if (isTelnet) this.telnet = new Telnet()
    this.#decode(bytes)
  }

  #decode(chunk: Buffer): void {
    const { output, answer } = this.telnet?.receive(chunk) ?? { output: chunk, answer: Buffer.alloc(0) }
    if (output.length > 0) this.#onOutput(output)
    if (answer.length > 0) this.#answer(answer)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

/** Connects to a TCP port. */
export function connectTcp(address: Address): Connect {
  return async ({ onOutput, signal }): Promise<Link> => {
    const socket = await dial(address, signal)
    const write = (bytes: Buffer) => {
      if (socket.writable && socket.writableLength < maxWaitingInput) socket.write(bytes)
    }
    const decoder = new Decoder(onOutput, write)
    socket.on('data', (chunk) => decoder.take(chunk))
    const lost = new Promise<string>((resolve) => {
      const place = `"${formatAddress(address)}"`
      socket.once('error', (error) => resolve(`the connection to ${place} broke: ${describeCondition(error)}`))
      socket.once('close', () => resolve(`${place} closed the connection`))
    })
    return {
      type: (bytes) => write(decoder.telnet?.send(bytes) ?? bytes),
      sendBreak() {
        if (decoder.telnet === undefined) return false
        write(decoder.telnet.sendBreak())
        return true
      },
      lost,
      close() {
        decoder.end()
        socket.destroy()
        return Promise.resolve()
      },
    }
  }
}
