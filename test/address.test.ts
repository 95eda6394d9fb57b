import { expect, test } from 'vitest'
import { formatAddress } from '../src/address.ts'

test.each([
  ['192.0.2.7', 80, '192.0.2.7:80'],
  ['boot.example.com', 80, 'boot.example.com:80'],
  ['2001:db8::7', 80, '[2001:db8::7]:80'],
  ['', 8080, ':8080'],
])('%s and %i are %s', (host, port, address) => {
  expect(formatAddress({ host, port })).toBe(address)
})
