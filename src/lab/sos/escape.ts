// The escapes that the SOS itself understands, like the ipmitool of the real service: a tilde at the beginning of a line.

/** The action of an escape. */
export type SosEscape = 'leave' | 'help'

/** The answer to `~?`. */
export const sosHelp =
  '~?\r\nSupported escape sequences:\r\n  ~.  end this session\r\n  ~?  this message\r\n  ~~  send one ~\r\n'

const tilde = 0x7e
const actions: ReadonlyMap<number, SosEscape> = new Map([
  [0x2e, 'leave'],
  [0x3f, 'help'],
])

/** Filters the input of one client. */
export class EscapeFilter {
  #atLineStart = true
  #afterTilde = false

  /** Splits input into bytes for the machine and escapes, in order. A tilde is held until the next byte arrives. */
  take(bytes: Buffer): (Buffer | SosEscape)[] {
    const parts: (Buffer | SosEscape)[] = []
    let typed: number[] = []
    const flush = () => {
      if (typed.length > 0) parts.push(Buffer.from(typed))
      typed = []
    }
    for (const byte of bytes) {
      if (this.#atLineStart && !this.#afterTilde && byte === tilde) {
        this.#afterTilde = true
        continue
      }
      const action = this.#afterTilde ? actions.get(byte) : undefined
      if (action === undefined) {
        if (this.#afterTilde && byte !== tilde) typed.push(tilde)
        typed.push(byte)
        this.#atLineStart = byte === 0x0d || byte === 0x0a
      } else {
        flush()
        parts.push(action)
      }
      this.#afterTilde = false
    }
    flush()
    return parts
  }
}
