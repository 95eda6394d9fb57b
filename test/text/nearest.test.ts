import { expect, test } from 'vitest'
import { findSlip, nearest } from '../../src/text/nearest.ts'

test.each([
  ['c3.smal.x86', ['c3.small.x86', 'm3.small.x86', 'c3.medium.x86', 'c3.large.arm64', 'x', 'y'], 'c3.small.x86'],
  ['AM', ['ny', 'am', 'da'], 'am'],
  ['sv15', ['dc', 'sv'], 'sv'],
])('%s is like %j: first %s', (word, candidates, first) => {
  const found = nearest(word, candidates)
  expect(found[0]).toBe(first)
  expect(found).toHaveLength(Math.min(5, candidates.length))
})

test('an insertion, a deletion and a substitution are one step each', () => {
  expect(nearest('abcd', ['xbxd', 'abc', 'ab', 'abcd', 'abcxyz', 'abcde', 'wxyz'])).toEqual([
    'abcd',
    'abc',
    'abcde',
    'xbxd',
    'ab',
  ])
})

test.each([
  ['pusj', ['push', 'run'], 'push'],
  ['strat', ['status', 'stop', 'logs'], 'status'],
  ['nonsense', ['console', 'serve', 'ls'], undefined],
  ['sl', ['ls', 'rm'], undefined],
  ['x', [], undefined],
])('the typo for %s among %j is %s', (word, candidates, slip) => {
  expect(findSlip(word, candidates)).toBe(slip)
})
