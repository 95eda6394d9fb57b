// What a machine does to the user's terminal beyond text, so that it is put right when the console is left: SeaBIOS turns line
// wrap off, a full-screen program that was cut off leaves the alternate screen, the mouse and a scroll region (xterm's ctlseqs).
import type { Output } from '../io.ts'

/** A terminal that machines write to. Disposing puts right what they changed. */
export interface TerminalModes extends Disposable {
  note(chunk: Buffer): void
  /** Puts right what they changed so far. */
  restore(): void
}

/** Private modes that are on by themselves: line wrap, the cursor. */
const usuallyOn: readonly string[] = ['7', '25']
/** The alternate screen, by its three numbers. */
const screens: readonly string[] = ['1049', '1047', '47']
/** Reset, a screen or other modes on or off, and a scroll region. */
// oxlint-disable-next-line no-control-regex -- escape sequences are what this is about
const sequences = /\u001b(?:(?<reset>c|\[!p)|\[\?(?<modes>[\d;]+)(?<on>[hl])|\[(?<region>[\d;]*)r)/g
/** A sequence that was cut off: as much as may still become one. */
// oxlint-disable-next-line no-control-regex -- as above
const cutOff = /\u001b(?:\[[\d;?!]{0,40})?$/
/** Colours, cursor, wrap, character sets, keypad, insertion: what is set anew without any harm. */
const always = '\u001b[0m\u001b[?25h\u001b[?7h\u000f\u001b(B\u001b)B\u001b>\u001b[4l'

function writeUsual(mode: string): string {
  return `\u001b[?${mode}${usuallyOn.includes(mode) ? 'h' : 'l'}`
}

/** The sequences that put modes right; the screen comes first, since the rest is about the one that is seen. */
function writeRestoring(modes: ReadonlyMap<string, boolean>, region: boolean): string {
  const changed = [...modes].filter(([mode, on]) => on !== usuallyOn.includes(mode)).map(([mode]) => mode)
  const covers = changed.filter((mode) => screens.includes(mode)).map(writeUsual)
  // Setting a region, and its end, send the cursor to the top, among what the user has there: it goes below all of it.
  const whole = region || modes.get('6') === true ? '\u001b[?6l\u001b[r\u001b[999;1H\r\n' : ''
  const others = changed.filter((mode) => !screens.includes(mode) && mode !== '6').map(writeUsual)
  return [...covers, whole, ...others, always].join('')
}

/** Watches what is written to a terminal; what is none is left alone. */
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
