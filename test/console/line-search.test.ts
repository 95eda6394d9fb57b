import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLineSearch, readWord } from '../../src/console/line-search.ts'

test.each([
  [/login: /, 'login: '],
  [/[0-9]+ items ready/, ' items ready'],
  [/(foo|bar) up/, ' up'],
  [/a.*b.*cc/, 'cc'],
  [/abc*d/, 'ab'],
  [/xabc{0,2}d/, 'xab'],
  [/abc+d/, 'abc'],
  [/\x41bc\u0041\cAx/, 'bc'],
  [/\p{Lu}bc\u{41}x/u, 'bc'],
  [/(?<name>a)\k<name>x/, 'x'],
  [/(?!absent)up/, 'up'],
  [/[abc]\d\.0/, '0'],
  [/one|two/, ''],
  [/(one|two)/, ''],
  [/login/i, ''],
])('every match of %s contains "%s"', (pattern, word) => {
  expect(readWord(pattern)).toBe(word)
})

test('the search finds the same lines as a plain search', () => {
  const part = fc.constantFrom(
    'a',
    'b',
    'c',
    'ab',
    '.',
    'a*',
    'b?',
    'c+',
    '(a|b)',
    '(?:bc)?',
    '[^a]',
    '^',
    '$',
    'c{2}',
    '|',
  )
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'ab', '\n'), { maxLength: 30 })
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), text, (parts, pieces) => {
      const pattern = new RegExp(
        parts
          .join('')
          .replace(/([*+?}^$])([*+?{])/g, '$1')
          .replace(/\^\?/g, '^'),
      )
      const whole = pieces.join('')
      const plain = whole.split('\n').findIndex((line) => pattern.test(line))
      const found = createLineSearch(pattern)(whole, 0)
      expect(found === undefined ? -1 : whole.slice(0, found.lineStart).split('\n').length - 1).toBe(plain)
    }),
  )
})
