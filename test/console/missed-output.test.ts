import { expect, test } from 'vitest'
import { withoutOverlap } from '../../src/console/missed-output.ts'

const boot = 'iPXE 1.21\r\nLinux version 6.6\r\nStarting services\r\n'
const banner = '== a banner of the console ==\r\n'

test.each([
  ['nothing in common', boot, 'login: ', 'login: '],
  ['no history', '', `${banner}login: `, `${banner}login: `],
  ['nothing yet', boot, '', ''],
  ['a banner only', boot, banner, banner],
  ['its end in both', boot, `${banner}Starting services\r\nlogin: `, `${banner}login: `],
  ['all in both', boot, boot, ''],
  ['a captured middle', `${boot}login: `, 'Linux version 6.6\r\n', ''],
  ['a few bytes in common, which prove nothing', boot, `services\r\nlogin: `, `services\r\nlogin: `],
  ['repeated lines', 'a line of dots\r\n'.repeat(3), `${'a line of dots\r\n'.repeat(2)}login: `, 'login: '],
])('%s', (_name, history, live, shown) => {
  expect(withoutOverlap(Buffer.from(history), Buffer.from(live)).toString()).toBe(shown)
})
