import { expect, test } from 'vitest'
import { escapeText, formatTransfer } from '../../src/serve/request-log.ts'
import { startTransfer } from '../../src/serve/transfer.ts'

test('a complete line', () => {
  const transfer = {
    ...startTransfer(undefined, '::ffff:192.0.2.7'),
    at: new Date(2026, 0, 2, 3, 4, 5),
    method: 'GET',
    path: '/a',
    status: 200,
    bytes: 10,
    startedMs: 100,
    endedMs: 101.6,
  }
  expect(formatTransfer(transfer)).toBe('03:04:05 192.0.2.7 GET /a 200 10 bytes 2 ms')
  expect(formatTransfer({ ...transfer, client: '2001:db8::1', cut: 'aborted' })).toBe(
    '03:04:05 2001:db8::1 GET /a 200 10 bytes 2 ms (aborted)',
  )
  expect(formatTransfer({ ...transfer, client: '' })).toBe('03:04:05 - GET /a 200 10 bytes 2 ms')
})

test.each([
  ['/a b', '/a b'],
  ['\u001b[31m\r\n\t\0', '\\x1b[31m\\x0d\\x0a\\x09\\x00'],
  ['\u007f\u009b\u00e9', '\\x7f\\x9b\\xe9'],
  ['a\\x1b', 'a\\x5cx1b'],
  ['x'.repeat(301), `${'x'.repeat(300)}...`],
])('%j is shown as %j', (text, shown) => expect(escapeText(text)).toBe(shown))
