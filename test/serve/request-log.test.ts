import { expect, test } from 'vitest'
import { escapeText, formatServed } from '../../src/serve/request-log.ts'

test('a line, whole', () => {
  const served = { at: new Date(2026, 0, 2, 3, 4, 5), method: 'GET', path: '/a', status: 200, bytes: 10, ms: 1.6 }
  expect(formatServed({ ...served, client: '::ffff:192.0.2.7' })).toBe('03:04:05 192.0.2.7 GET /a 200 10 bytes 2 ms')
  expect(formatServed({ ...served, client: '2001:db8::1', cut: 'aborted' })).toBe(
    '03:04:05 2001:db8::1 GET /a 200 10 bytes 2 ms (aborted)',
  )
  expect(formatServed({ ...served, client: '' })).toBe('03:04:05 - GET /a 200 10 bytes 2 ms')
})

test.each([
  ['/a b', '/a b'],
  ['\u001b[31m\r\n\t\0', '\\x1b[31m\\x0d\\x0a\\x09\\x00'],
  ['\u007f\u009b\u00e9', '\\x7f\\x9b\\xe9'],
  ['a\\x1b', 'a\\x5cx1b'],
  ['x'.repeat(301), `${'x'.repeat(300)}…`],
])('%j is shown as %j', (text, shown) => expect(escapeText(text)).toBe(shown))
