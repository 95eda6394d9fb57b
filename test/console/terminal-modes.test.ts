import { expect, test } from 'vitest'
import { watchTerminalModes } from '../../src/console/terminal-modes.ts'
import { createScreen } from './world.ts'

const always = '\u001b[0m\u001b[?25h\u001b[?7h\u000f\u001b(B\u001b)B\u001b>\u001b[4l'

function restored(isTTY: boolean, ...chunks: string[]): string {
  const screen = Object.assign(createScreen(), { isTTY })
  const modes = watchTerminalModes(screen)
  for (const chunk of chunks) modes.note(Buffer.from(chunk, 'latin1'))
  modes[Symbol.dispose]()
  modes[Symbol.dispose]()
  return screen.text()
}

test.each([
  ['no output', [], ''],
  ['plain text', ['hello'], always],
  ['wrap off, as SeaBIOS leaves it', ['\u001b[?7l'], `\u001b[?7h${always}`],
  ['modes that were already restored', ['\u001b[?2004h\u001b[?2004l'], always],
  [
    'the mouse and pasting, split in the middle',
    ['\u001b[?100', '0;1006h\u001b[', '?2004h'],
    `\u001b[?1000l\u001b[?1006l\u001b[?2004l${always}`,
  ],
  ['the alternate screen comes first', ['\u001b[?1h\u001b[?1049h'], `\u001b[?1049l\u001b[?1l${always}`],
  [
    'a scroll region: the cursor moves below all text',
    ['\u001b[5;10r'],
    `\u001b[?6l\u001b[r\u001b[999;1H\r\n${always}`,
  ],
  ['a scroll region that ended', ['\u001b[5;10r\u001b[r'], always],
  ['relative positioning', ['\u001b[5;10r\u001b[?6h'], `\u001b[?6l\u001b[r\u001b[999;1H\r\n${always}`],
  ['a reset', ['\u001b[?1000h\u001bc'], always],
])('after %s', (_name, chunks, expected) => {
  expect(restored(true, ...chunks)).toBe(expected)
  expect(restored(false, ...chunks)).toBe('')
})
