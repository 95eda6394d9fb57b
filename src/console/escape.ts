// The escape keys: `~` at the start of a line, as in ssh (ssh(1), "ESCAPE CHARACTERS").

/** What a key means, besides bytes for the machine. */
export type EscapeAction = 'leave' | 'help' | 'break' | 'suspend' | 'reboot' | 'power-cycle'

/** How to handle a piece of typing; after 'leave' the rest of the piece is dropped. */
interface EscapeStep {
  send: Buffer
  actions: EscapeAction[]
}

/** Parses typing that arrives in arbitrary pieces. */
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

/** The help of `~?`, one line per key. */
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
/** A longer run is not a sequence. */
const maxSequenceLength = 256

/** Whether an escape sequence is still incomplete (ECMA-48, 5.4: controls, and strings up to their end). */
function isOpen(sequence: string): boolean {
  if (sequence.length === 1) return true
  const last = sequence.at(-1) ?? ''
  if (sequence[1] === '[') return sequence.length === 2 || (last >= ' ' && last <= '?')
  if (!/^[\]P_]/.test(sequence.slice(1)) || sequence.length > maxSequenceLength) return false
  return last >= ' ' ? sequence.at(-2) !== '\u001b' || sequence.length === 2 : last === '\u001b'
}

const answers = [
  String.raw`\[\??\d+;\d+(?:;\d+)?R`, // cursor position
  String.raw`\[[?>=][\d;]*c`, // device attributes
  String.raw`\[\??[\d;]+n`, // status, colour scheme
  String.raw`\[[\d;]+t`, // size
  String.raw`\[\??\d+;\d\$y`, // mode
  String.raw`\[\?\d+u`, // keyboard reporting
  String.raw`\[[IO]`, // focus
  String.raw`\[20[01]~`, // start and end of a paste
  String.raw`\[<[\d;]+[Mm]`, // mouse
  String.raw`[\]P_][^\0-\x1f]*(?:\x07|\x1b\\)`, // colours, name, settings
]
const onlyAnswers = new RegExp(String.raw`^(?:\x1b(?:${answers.join('|')}))+$`)

/** True if a text consists only of input that a terminal generates by itself: answers to a program's queries, and reports of events
 * that are not typing (xterm's ctlseqs, "Functions using CSI", "Operating System Commands"). */
function isTerminalAnswer(text: string): boolean {
  return onlyAnswers.test(text)
}

/** A parser at the start of a line. It holds back a tilde until the next key determines its meaning. */
export function createEscapeParser(): EscapeParser {
  let atStart = true
  let pending = false
  /** The received part of a sequence, '' outside of one, and the state at its start. */
  let sequence = ''
  let beganAtStart = false

  /** Takes a byte for the machine. The terminal's own reports are not typing, and leave the line state unchanged. */
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
            // The line is still at its start, because an escape types nothing.
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
