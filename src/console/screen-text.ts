// The text that a person would read on a terminal, as a growing log: UTF-8 decoded, escape sequences removed, and a
// new line whenever a row restarts (carriage return, cursor moves). Where necessary it works one character at a time, so
// that the result does not depend on how the bytes were split.
import { isAscii } from 'node:buffer'
import { findControl } from '../text/plain-text.ts'

/** In ordinary text, or inside an escape sequence (named as in ECMA-48). */
type State = 'text' | 'escape' | 'control' | 'string' | 'string-escape'

/** Turns bytes into text; pieces may be split anywhere. */
export interface ScreenText {
  push(chunk: Buffer): string
}

/** The ASCII control characters. Searching for them one by one takes a sixth of the time of one search for all. */
const asciiControls = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter(
  (character) => findControl(character) === 0,
)
/** The longest escape sequence; anything longer is text again, so that a lost terminator does not swallow the console. */
const maxSequenceLength = 4096

/** The visible effect of a control sequence: a move to another row is a new line, a move to the right a gap. */
function readControl(final: string): string {
  if ('ABEFHdf'.includes(final)) return '\n'
  return final === 'C' ? ' ' : ''
}

/** A decoder at the top of an empty screen. */
export function createScreenText(): ScreenText {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let state: State = 'text'
  let length = 0
  let afterReturn = false
  let withinCharacter = false
  /** True if the latest text was ASCII. */
  let plain = false

  /** Decodes bytes; plain ASCII, almost all output, skips the cost of UTF-8. */
  function decode(chunk: Buffer): string {
    plain = !withinCharacter && isAscii(chunk)
    if (plain) return chunk.toString('latin1')
    withinCharacter = (chunk.at(-1) ?? 0) >= 0x80
    return decoder.decode(chunk, { stream: true })
  }

  /** Handles one character that is not ordinary text. */
  function readCharacter(character: string): string {
    if (state === 'text') {
      if (character === '\u001b') state = 'escape'
      else if (character === '\u009b') state = 'control'
      else if ('\u0090\u0098\u009d\u009e\u009f'.includes(character)) state = 'string'
      else if ('\v\f\u0085'.includes(character)) return '\n'
      length = 0
      return ''
    }
    if (++length > maxSequenceLength) state = 'text'
    else if (character === '\u001b') state = state === 'string' ? 'string-escape' : 'escape'
    else if (state === 'string-escape') state = character === '\\' ? 'text' : 'string'
    else if (state === 'string') {
      if (character === '\u0007' || character === '\u009c') state = 'text'
    } else if (character === '\u0018' || character === '\u001a') state = 'text'
    else if (state === 'control') {
      if (character >= '@' && character <= '~') {
        state = 'text'
        return readControl(character)
      }
    } else if (character === '[') state = 'control'
    else if ('P]X^_'.includes(character)) state = 'string'
    else if (character < ' ' || character > '/') state = 'text'
    return ''
  }

  return {
    push(chunk) {
      const decoded = decode(chunk)
      if (decoded === '') return ''
      // \r\n and \r\r\n each are one line end, even if split between pieces; so is a lone \r.
      const begun = afterReturn ? (/^\r*\n?/.exec(decoded)?.[0].length ?? 0) : 0
      afterReturn = decoded.endsWith('\r')
      const rest = begun === 0 ? decoded : decoded.slice(begun)
      const halfway = rest.includes('\r') ? rest.replace(/\r\n/g, '\n') : rest
      const input = halfway.includes('\r') ? halfway.replace(/\r+\n?/g, '\n') : halfway
      if (state === 'text' && plain && !asciiControls.some((control) => input.includes(control))) return input
      let output = ''
      let at = 0
      while (at < input.length) {
        if (state === 'text') {
          const next = findControl(input, at)
          if (next > at) {
            output += input.slice(at, next)
            at = next
            continue
          }
        }
        output += readCharacter(input[at] ?? '')
        at++
      }
      return output
    },
  }
}
