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
    ['cut in the middle', ['ls\r', '~', '.'], 'ls\r', ['leave']],
    ['what follows is dropped', ['~.rm -rf /\r'], '', ['leave']],
    ['not within a line', ['ls ~.'], 'ls ~.', []],
    ['help', ['~?'], '', ['help']],
    ['the others', ['~B~R~P~\u001a'], '', ['break', 'reboot', 'power-cycle', 'suspend']],
    ['help leaves the line at its start', ['~?~.'], '', ['help', 'leave']],
    ['two tildes are one', ['~~'], '~', []],
    ['two tildes end the start of the line', ['~~.'], '~.', []],
    ['another key passes both', ['~x~.'], '~x~.', []],
    ['tilde and return', ['~\r~.'], '~\r', ['leave']],
    ['Ctrl-C goes to the machine', ['\u0003'], '\u0003', []],
  ])('%s', (_name, chunks, send, actions) => {
    expect(parse(...chunks)).toEqual({ send, actions })
  })

  test('agrees with a rewriting of the whole text, however it is cut', () => {
    const typing = fc.array(fc.constantFrom('~', '.', '?', 'B', 'P', 'R', '\u001a', 'x', '\r', '\n'), { maxLength: 30 })
    fc.assert(
      fc.property(fc.array(typing, { maxLength: 8 }), (pieces) => {
        const whole = pieces.flat().join('')
        // One step a turn: an escape at the start of a line, or any character.
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

test('docs/console.md has every key of ~?', () => {
  const document = readFileSync(new URL('../../docs/console.md', import.meta.url), 'utf8')
  const inDocument = [...document.matchAll(/^\| `(~\S+)` \|/gm)].map((match) => match[1])
  expect(inDocument).toEqual(escapeHelp.slice(1).map((line) => line.trim().split(/\s/)[0]))
})
