// Additions of ipmitool to the bytes of a Serial-over-LAN session: its first line, its escape character, and the echo of a break.
import { LinkError } from './console-error.ts'

const greeting = /^\[SOL Session operational\. {2}Use .\? for help\]\r?\n/
const maxGreetingBytes = 200
const breakEcho = Buffer.from('~B [send break]\n')
const tilde = 0x7e
const carriageReturn = 0x0d
const newline = 0x0a

/** Input for ipmitool: a `~` after a line end is its escape character, and is doubled. */
export class SolInput {
  /** As ipmitool has it at the start. */
  #atLineStart = true

  encode(bytes: Buffer): Buffer {
    const encoded: number[] = []
    for (const byte of bytes) {
      if (byte === tilde && this.#atLineStart) encoded.push(tilde)
      encoded.push(byte)
      this.#atLineStart = byte === carriageReturn || byte === newline
    }
    return Buffer.from(encoded)
  }

  /** The request for a break. In the middle of a line it costs the machine a line end: ipmitool listens nowhere else. */
  encodeBreak(): Buffer {
    const request = this.#atLineStart ? '~B' : '\r~B'
    this.#atLineStart = false
    return Buffer.from(request)
  }
}

/** The length of the longest end of `bytes` that `text` begins with, short of all of it. */
function overlap(bytes: Buffer, text: Buffer): number {
  for (let length = Math.min(bytes.length, text.length - 1); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(text.subarray(0, length))) return length
  }
  return 0
}

/** Output of ipmitool, of which only the machine's passes. */
export class SolOutput {
  #greeted = false
  #held = Buffer.alloc(0)
  #echoes = 0

  /** The session is open. */
  get isOpen(): boolean {
    return this.#greeted
  }

  /** A break was requested, whose echo is still to come. */
  expectEcho(): void {
    this.#echoes++
  }

  /** The machine's bytes in a chunk. @throws LinkError if it is not the output of an open session */
  decode(chunk: Buffer): Buffer {
    let rest = Buffer.concat([this.#held, chunk])
    this.#held = Buffer.alloc(0)
    if (!this.#greeted) {
      const match = greeting.exec(rest.toString('latin1', 0, maxGreetingBytes))
      if (match === null && rest.length > maxGreetingBytes) throw new LinkError('ipmitool does not open a session')
      if (match === null) {
        this.#held = rest
        return Buffer.alloc(0)
      }
      this.#greeted = true
      rest = rest.subarray(match[0].length)
    }
    const parts: Buffer[] = []
    while (this.#echoes > 0) {
      const at = rest.indexOf(breakEcho)
      if (at < 0) break
      this.#echoes--
      parts.push(rest.subarray(0, at))
      rest = rest.subarray(at + breakEcho.length)
    }
    const kept = this.#echoes > 0 ? overlap(rest, breakEcho) : 0
    this.#held = Buffer.from(rest.subarray(rest.length - kept))
    return Buffer.concat([...parts, rest.subarray(0, rest.length - kept)])
  }
}
