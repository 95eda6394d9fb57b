// Telnet (RFC 854) as console servers speak it, with binary transmission (RFC 856): options are answered, commands taken out of
// the output, and IAC is doubled. The peer may also be a hostile one: it gets no answer to a repeated request, and few in all.

const iac = 255
const se = 240
const breakCommand = 243
const sb = 250
const [will, wont, ask, dont] = [251, 252, 253, 254]

const binary = 0
const echo = 1
const suppressGoAhead = 3
/** The highest option that is in use. */
const highestOption = 49

/** The options that the peer may use, and may ask for. */
const welcome = new Set([binary, echo, suppressGoAhead])
const granted = new Set([binary, suppressGoAhead])

/** A peer that negotiates for ever is not answered for ever. */
const maxAnswers = 100

/** Whether a peer that begins with these bytes speaks telnet; undefined if there are too few. */
export function speaksTelnet(bytes: Buffer): boolean | undefined {
  const [first, command, option] = bytes
  if (first !== undefined && first !== iac) return false
  if (command !== undefined && (command < will || command > dont)) return false
  return option === undefined ? undefined : option <= highestOption
}

/** The contents of a chunk from the peer. */
interface Received {
  /** The serial line's bytes. */
  output: Buffer
  /** The answer; empty if none is due. */
  answer: Buffer
}

type State = 'data' | 'command' | 'option' | 'subnegotiation' | 'subnegotiation-command'

/** One telnet connection. */
export class Telnet {
  #state: State = 'data'
  #command = 0
  #afterReturn = false
  #answers = 0
  /** The options in force on the peer's side, and on this one. */
  readonly #theirs = new Set<number>()
  readonly #ours = new Set<number>()

  /** Takes the bytes of the serial line out of a chunk. */
  receive(chunk: Buffer): Received {
    const output: number[] = []
    const answer: number[] = []
    for (const byte of chunk) {
      switch (this.#state) {
        case 'data':
          if (byte === iac) this.#state = 'command'
          // A bare return is sent as CR NUL.
          else if (byte !== 0 || !this.#afterReturn) output.push(byte)
          this.#afterReturn = byte === 13 && !this.#theirs.has(binary)
          break
        case 'command':
          this.#command = byte
          if (byte === iac) output.push(byte)
          this.#state = byte === sb ? 'subnegotiation' : byte >= will && byte <= dont ? 'option' : 'data'
          break
        case 'option':
          answer.push(...this.#negotiate(this.#command, byte))
          this.#state = 'data'
          break
        case 'subnegotiation':
          if (byte === iac) this.#state = 'subnegotiation-command'
          break
        case 'subnegotiation-command':
        default:
          this.#state = byte === se ? 'data' : 'subnegotiation'
      }
    }
    return { output: Buffer.from(output), answer: Buffer.from(answer) }
  }

  /** Answers a request unless it changes nothing (RFC 1143). */
  #negotiate(command: number, option: number): number[] {
    const isTheirs = command === will || command === wont
    const [inForce, allowed] = isTheirs ? [this.#theirs, welcome] : [this.#ours, granted]
    const [agree, refuse] = isTheirs ? [ask, dont] : [will, wont]
    const wanted = command === will || command === ask
    if (wanted === inForce.has(option) || this.#answers >= maxAnswers) return []
    this.#answers++
    if (!wanted) inForce.delete(option)
    else if (allowed.has(option)) inForce.add(option)
    else return [iac, refuse, option]
    return [iac, wanted ? agree : refuse, option]
  }

  /** Input for the serial line, as it is sent. */
  send(bytes: Buffer): Buffer {
    const sent: number[] = []
    for (const byte of bytes) {
      sent.push(byte)
      if (byte === iac) sent.push(iac)
      if (byte === 13 && !this.#ours.has(binary)) sent.push(0)
    }
    return Buffer.from(sent)
  }

  /** A break on the serial line. */
  sendBreak(): Buffer {
    return Buffer.from([iac, breakCommand])
  }
}
