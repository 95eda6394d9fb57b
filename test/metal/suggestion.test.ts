import { expect, test } from 'vitest'
import { nearest } from '../../src/metal/suggestion.ts'

test.each([
  ['c3.smal.x86', ['c3.small.x86', 'm3.small.x86', 'c3.medium.x86', 'c3.large.arm64', 'x', 'y'], 'c3.small.x86'],
  ['AM', ['ny', 'am', 'da'], 'am'],
  ['sv15', ['dc', 'sv'], 'sv'],
])('%s is like %j: first %s', (word, candidates, first) => {
  const found = nearest(word, candidates)
  expect(found[0]).toBe(first)
  expect(found).toHaveLength(Math.min(5, candidates.length))
})

test('an insertion, a deletion and a substitution are a step each', () => {
  expect(nearest('abcd', ['xbxd', 'abc', 'ab', 'abcd', 'abcxyz', 'abcde', 'wxyz'])).toEqual([
    'abcd',
    'abc',
    'abcde',
    'xbxd',
    'ab',
  ])
})
