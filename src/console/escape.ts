// The escape keys: `~` at the start of a line, as ssh has them (ssh(1), "ESCAPE CHARACTERS").
import { isTerminalAnswer } from '../text/terminal-answer.ts'

/** What the keyboard means besides bytes for the machine. */
export type EscapeAction = 'leave' | 'help' | 'break' | 'suspend' | 'reboot' | 'power-cycle'

/** What to do with a piece of typing; after 'leave' the rest of the piece is dropped. */
interface EscapeStep {
  send: Buffer
  actions: EscapeAction[]
}

/** Reads typing, in pieces cut anywhere. */
export interface EscapeParser {
  push(chunk: Buffer): EscapeStep
}

const tilde = 0x7e
const keys: Partial<Record<number, EscapeAction>> = {
  [0x2e]: 'leave',
  [0x3f]: 'help',
  [0x42]: 'break',
  [0x50]: 'power-cycle',
  [0x52]: 'reboot',
  [0x1a]: 'suspend',
}

/** What `~?` shows, a line each. */
export const escapeHelp: readonly string[] = [
  'Escape keys, after a new line:',
  '  ~.   leave the console',
  '  ~B   serial break, for SysRq',
  '  ~R   reboot the machine',
  '  ~P   switch the machine off and on',
  '  ~^Z  suspend metalkit',
  '  ~~   type a ~ (~~? asks the console server for its own keys)',
  '  ~?   this list',
]

const escape = 0x1b
/** A longer one is no sequence. */
const maxSequenceLength = 256

/** Whether more is to come of what began with an escape character (ECMA-48, 5.4: controls, and strings up to their end). */
function isOpen(sequence: string): boolean {
  if (sequence.length === 1) return true
  const last = sequence.at(-1) ?? ''
  if (sequence[1] === '[') return sequence.length === 2 || (last >= ' ' && last <= '?')
  if (!/^[\]P_]/.test(sequence.slice(1)) || sequence.length > maxSequenceLength) return false
  return last >= ' ' ? sequence.at(-2) !== '\u001b' || sequence.length === 2 : last === '\u001b'
}

/** A parser that stands at the start of a line. A tilde is held back until the key after it says what it means. */
export function createEscapeParser(): EscapeParser {
  let atStart = true
  let pending = false
  /** What has come of a sequence, '' outside of one, and where it began. */
  let sequence = ''
  let beganAtStart = false

  /** Takes a byte that goes to the machine. What the terminal says by itself is not typing, and leaves the line as it was. */
  function follow(byte: number): void {
    if (sequence !== '') {
      sequence += String.fromCharCode(byte)
      if (isOpen(sequence)) return
      const isAnswer = isTerminalAnswer(sequence)
      sequence = ''
      if (isAnswer) {
        atStart = beganAtStart
        return
      }
    }
    if (byte === escape) {
      sequence = '\u001b'
      beganAtStart = atStart
    }
    atStart = byte === 0x0d || byte === 0x0a
  }

  return {
    push(chunk) {
      const send: number[] = []
      const actions: EscapeAction[] = []
      for (const byte of chunk) {
        if (pending) {
          pending = false
          const action = keys[byte]
          if (action !== undefined) {
            // The line is still at its start: an escape types nothing.
            actions.push(action)
            if (action === 'leave') break
            continue
          }
          if (byte !== tilde) send.push(tilde)
          atStart = false
        } else if (byte === tilde && atStart) {
          pending = true
          continue
        }
        send.push(byte)
        follow(byte)
      }
      return { send: Buffer.from(send), actions }
    },
  }
}
