import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEscapeParser, escapeHelp } from '../../src/console/escape.ts'

function parse(...chunks: string[]): { send: string; actions: string[] } {
  const parser = createEscapeParser()
  const steps = chunks.map((chunk) => parser.push(Buffer.from(chunk, 'latin1')))
  return {
    send: steps.map(({ send }) => send.toString('latin1')).join(''),
    actions: steps.flatMap(({ actions }) => actions),
  }
}

describe('escape keys', () => {
  test.each([
    ['at the start', ['~.'], '', ['leave']],
    ['after CR', ['ls\r~.'], 'ls\r', ['leave']],
    ['after LF', ['ls\n~.'], 'ls\n', ['leave']],
    ['split in the middle', ['ls\r', '~', '.'], 'ls\r', ['leave']],
    ['the rest is dropped', ['~.rm -rf /\r'], '', ['leave']],
    ['not within a line', ['ls ~.'], 'ls ~.', []],
    ['help', ['~?'], '', ['help']],
    ['the other actions', ['~B~R~P~\u001a'], '', ['break', 'reboot', 'power-cycle', 'suspend']],
    ['help leaves the line at its start', ['~?~.'], '', ['help', 'leave']],
    ['two tildes are one', ['~~'], '~', []],
    ['two tildes end the start of the line', ['~~.'], '~.', []],
    ['another key sends both', ['~x~.'], '~x~.', []],
    ['tilde and return', ['~\r~.'], '~\r', ['leave']],
    ['a cursor report, requested by busybox, is not typing', ['\r', '\u001b[10;5R', '~.'], '\r\u001b[10;5R', ['leave']],
    ['an answer split in the middle', ['\u001b[1', '0;5', 'R~.'], '\u001b[10;5R', ['leave']],
    [
      'reports of the type, status, size, a mode and the keys',
      ['\u001b[?62;22c\u001b[>0;276;0c\u001b[0n\u001b[?997;1n\u001b[8;24;80t\u001b[?2026;2$y\u001b[?1u~.'],
      '\u001b[?62;22c\u001b[>0;276;0c\u001b[0n\u001b[?997;1n\u001b[8;24;80t\u001b[?2026;2$y\u001b[?1u',
      ['leave'],
    ],
    ['focus reports', ['\u001b[O\u001b[I~?'], '\u001b[O\u001b[I', ['help']],
    ['paste marks', ['\u001b[200~\u001b[201~~.'], '\u001b[200~\u001b[201~', ['leave']],
    ['mouse reports', ['\u001b[<0;1;1M~.'], '\u001b[<0;1;1M', ['leave']],
    ['a colour report, ended by BEL', ['\u001b]10;rgb:ff/ff/ff\u0007~.'], '\u001b]10;rgb:ff/ff/ff\u0007', ['leave']],
    ['a colour report, ended by ST', ['\u001b]11;rgb:0/0/0\u001b', '\\~.'], '\u001b]11;rgb:0/0/0\u001b\\', ['leave']],
    ['a name report', ['\u001bP>|tmux 3.3a\u001b\\~.'], '\u001bP>|tmux 3.3a\u001b\\', ['leave']],
    ['within a line a report leaves the line state unchanged', ['ls\u001b[10;5R~.'], 'ls\u001b[10;5R~.', []],
    [
      'arrows are typing',
      ['\u001b[A~.', '\r\u001b[1;5C~.', '\r\u001bOA~.'],
      '\u001b[A~.\r\u001b[1;5C~.\r\u001bOA~.',
      [],
    ],
    ['so are function keys and Alt', ['\u001b[15~~.', '\r\u001bx~.'], '\u001b[15~~.\r\u001bx~.', []],
    ['Escape and a string that never ends is typing', ['\u001b]abc\r~.'], '\u001b]abc\r', ['leave']],
    ['Escape, Return', ['\u001b\r~.'], '\u001b\r', ['leave']],
    ['Escape before an answer is typing', ['\u001b\u001b[10;5R~.'], '\u001b\u001b[10;5R~.', []],
    ['Ctrl-C goes to the machine', ['\u0003'], '\u0003', []],
  ])('%s', (_name, chunks, send, actions) => {
    expect(parse(...chunks)).toEqual({ send, actions })
  })

  test('gives the same result as rewriting the whole text, however it is split', () => {
    const typing = fc.array(fc.constantFrom('~', '.', '?', 'B', 'P', 'R', '\u001a', 'x', '\r', '\n'), { maxLength: 30 })
    fc.assert(
      fc.property(fc.array(typing, { maxLength: 8 }), (pieces) => {
        const whole = pieces.flat().join('')
        // One step at a time: an escape at the start of a line, or any character.
        let send = ''
        let start = true
        let left = false
        let rest = whole
        while (rest !== '' && !(rest === '~' && start)) {
          const escape = start ? /^~([\s\S])/.exec(rest) : null
          if (escape?.[1] === '.') {
            left = true
            break
          }
          if (['?', 'B', 'P', 'R', '\u001a'].includes(escape?.[1] ?? '')) {
            rest = rest.slice(2)
            continue
          }
          const taken = escape === null ? rest.slice(0, 1) : escape[0]
          const typed = taken === '~~' ? '~' : taken
          send += typed
          start = /[\r\n]$/.test(typed)
          rest = rest.slice(taken.length)
        }
        const parser = createEscapeParser()
        let sent = ''
        let leaves = false
        for (const piece of pieces) {
          if (leaves) break
          const step = parser.push(Buffer.from(piece.join('')))
          sent += step.send.toString()
          leaves = step.actions.includes('leave')
        }
        expect({ sent, leaves }).toEqual({ sent: send, leaves: left })
      }),
    )
  })
})

test('docs/console.md lists every key that ~? lists', () => {
  const document = readFileSync(new URL('../../docs/console.md', import.meta.url), 'utf8')
  const inDocument = [...document.matchAll(/^\| `(~\S+)` \|/gm)].map((match) => match[1])
  expect(inDocument).toEqual(escapeHelp.slice(1).map((line) => line.trim().split(/\s/)[0]))
})
