// Terminal modes that a machine changed, restored when the console is left: SeaBIOS turns line wrap off, and an interrupted
// full-screen program leaves the alternate screen, the mouse and a scroll region behind (xterm's ctlseqs).
import type { Output } from '../io.ts'

/** A terminal that machines write to. Disposing restores its modes. */
export interface TerminalModes extends Disposable {
  note(chunk: Buffer): void
  /** Restores the modes changed so far. */
  restore(): void
}

/** Private modes that are on by default: line wrap, the cursor. */
const usuallyOn: readonly string[] = ['7', '25']
/** The three mode numbers of the alternate screen. */
const screens: readonly string[] = ['1049', '1047', '47']
/** A reset, modes turned on or off, and a scroll region. */
// oxlint-disable-next-line no-control-regex -- escape sequences are what this is about
const sequences = /\u001b(?:(?<reset>c|\[!p)|\[\?(?<modes>[\d;]+)(?<on>[hl])|\[(?<region>[\d;]*)r)/g
/** The start of a sequence that may continue in the next piece. */
// oxlint-disable-next-line no-control-regex -- as above
const cutOff = /\u001b(?:\[[\d;?!]{0,40})?$/
/** Colours, cursor, wrap, character sets, keypad, insert mode: always safe to reset. */
const always = '\u001b[0m\u001b[?25h\u001b[?7h\u000f\u001b(B\u001b)B\u001b>\u001b[4l'

function writeUsual(mode: string): string {
  return `\u001b[?${mode}${usuallyOn.includes(mode) ? 'h' : 'l'}`
}

/** The sequences that restore modes; the screen comes first, because the others apply to the visible one. */
function writeRestoring(modes: ReadonlyMap<string, boolean>, region: boolean): string {
  const changed = [...modes].filter(([mode, on]) => on !== usuallyOn.includes(mode)).map(([mode]) => mode)
  const covers = changed.filter((mode) => screens.includes(mode)).map(writeUsual)
  // Setting and resetting a region move the cursor to the top, over the user's text, so it is moved below.
  const whole = region || modes.get('6') === true ? '\u001b[?6l\u001b[r\u001b[999;1H\r\n' : ''
  const others = changed.filter((mode) => !screens.includes(mode) && mode !== '6').map(writeUsual)
  return [...covers, whole, ...others, always].join('')
}

/** Watches output to a terminal; other streams are left alone. */
export function watchTerminalModes(stdout: Output): TerminalModes {
  const modes = new Map<string, boolean>()
  let region = false
  let rest = ''
  let touched = false
  const restore = () => {
    if (!touched || stdout.destroyed) return
    stdout.write(writeRestoring(modes, region))
    modes.clear()
    region = false
    touched = false
  }
  return {
    note(chunk) {
      if (stdout.isTTY !== true) return
      touched = true
      if (rest === '' && !chunk.includes(0x1b)) return
      const text = rest + chunk.toString('latin1')
      for (const { groups = {} } of text.matchAll(sequences)) {
        if (groups['reset'] !== undefined) {
          modes.clear()
          region = false
        } else if (groups['region'] !== undefined) region = groups['region'] !== ''
        else for (const mode of (groups['modes'] ?? '').split(';')) modes.set(mode, groups['on'] === 'h')
      }
      rest = cutOff.exec(text)?.[0] ?? ''
    },
    restore,
    [Symbol.dispose]: restore,
  }
}
