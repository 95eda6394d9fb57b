import { expect, test } from 'vitest'
import { readTarget } from '../../../src/serve/files/resolve-path.ts'

const good: [string, string[], number, string][] = [
  ['/', [], 1, ''],
  ['/demo-kernel', ['demo-kernel'], 0, ''],
  ['//demo-kernel', ['demo-kernel'], 0, ''],
  ['/a//b', ['a', 'b'], 0, ''],
  ['/a/', ['a'], 1, ''],
  ['/a//', ['a'], 2, ''],
  ['/a/.', ['a'], 1, ''],
  ['/a/%2E', ['a'], 1, ''],
  ['/./a', ['a'], 0, ''],
  ['/a?b=/../c', ['a'], 0, '?b=/../c'],
  ['/a%20b%3Fc', ['a b?c'], 0, ''],
  ['/%c3%a9', ['é'], 0, ''],
  ['/\u00c3\u00a9', ['é'], 0, ''],
  ['/%EF%BB%BFx', ['\u{feff}x'], 0, ''],
  ['/..a', ['..a'], 0, ''],
  ['/a..', ['a..'], 0, ''],
  ['/...', ['...'], 0, ''],
  ['http://other:1/a/b?c', ['a', 'b'], 0, '?c'],
  ['HTTP://other', [], 1, ''],
  ['http://other?c', [], 1, '?c'],
]

test.each(good)('%s', (target, names, trailingSlashes, query) => {
  expect(readTarget(target)).toEqual({ names, trailingSlashes, query })
})

const bad: [string, number][] = [
  ['', 400],
  ['*', 400],
  ['a', 400],
  ['?a', 400],
  ['/%', 400],
  ['/%2', 400],
  ['/%zz', 400],
  ['/a%00', 400],
  ['/a\0', 400],
  ['/..', 404],
  ['/../a', 404],
  ['/a/..', 404],
  ['/a/../b', 404],
  ['/%2e%2e/a', 404],
  ['/.%2E/a', 404],
  ['/..%2fa', 404],
  ['/a%2fb', 404],
  ['/%2F', 404],
  ['/%c0%ae%c0%ae/a', 404],
  ['/%e0%80%ae/a', 404],
  ['/%ff', 404],
  ['http://other/../a', 404],
  ['file:///../a', 404],
]

test.each(bad)('%s is refused with %i', (target, status) => {
  expect(readTarget(target)).toEqual({ status })
})
