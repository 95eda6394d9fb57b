import { expect, test } from 'vitest'
import { formatAge } from '../../src/text/duration.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

test.each([
  [-5 * second, '0s'],
  [0, '0s'],
  [59 * second + 999, '59s'],
  [minute, '1m'],
  [59 * minute + 59 * second, '59m'],
  [hour, '1h0m'],
  [5 * hour + 12 * minute + 40 * second, '5h12m'],
  [day - 1, '23h59m'],
  [day, '1d0h'],
  [100 * day + 4 * hour + 59 * minute, '100d4h'],
])('%i ms is %s', (ms, age) => {
  expect(formatAge(ms)).toBe(age)
})
