import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { hostnameOf, runMarkForm, markOf, readHostname } from '../../src/latitude/mark.ts'
import { hostnameForm } from '../../src/latitude/schema.ts'

test.each([
  ['00000000-0000-0000-0000-000000000000', 'mk-0000000000000000000000000'],
  ['ffffffff-ffff-ffff-ffff-ffffffffffff', 'mk-f5lxx1zz5pnorynqglhzmsp33'],
  [randomUUID(), undefined],
])('the mark of the run %s fits in a host name, with the number of a create', (runId, known) => {
  const mark = markOf(runId)
  if (known !== undefined) expect(mark).toBe(known)
  expect(mark).toMatch(runMarkForm)
  for (const attempt of [1, 2, 3, 999]) {
    const hostname = hostnameOf(mark, attempt)
    expect(hostname).toMatch(hostnameForm)
    expect(readHostname(hostname)).toEqual({ mark, attempt })
    expect(readHostname(hostname.toUpperCase())).toEqual({ mark, attempt })
  }
})

test('two runs have two marks, and no bit of the UUID is lost', () => {
  const marks = Array.from({ length: 128 }, (_, bit) => {
    const hex = (1n << BigInt(bit)).toString(16).padStart(32, '0')
    return markOf(hex)
  })
  expect(new Set(marks).size).toBe(128)
})

test.each([
  '',
  'web-1',
  'mk-1',
  `mk-${'a'.repeat(24)}`,
  `mk-${'a'.repeat(25)}-`,
  `mk-${'a'.repeat(25)}-0`,
  `mko-${'a'.repeat(25)}`,
  `xmk-${'a'.repeat(25)}`,
])('the host name %j is not of metalkit', (hostname) => expect(readHostname(hostname)).toBeUndefined())

test.each(['', '-a', 'a-', 'a_b', 'a'.repeat(33)])('%j is no host name', (hostname) =>
  expect(hostname).not.toMatch(hostnameForm),
)
