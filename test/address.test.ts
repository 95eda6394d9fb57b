import { expect, test } from 'vitest'
import { formatAddress, isLoopbackHost, plainAddress, toPort } from '../src/address.ts'

test.each([
  ['192.0.2.7', 80, '192.0.2.7:80'],
  ['boot.example.com', 80, 'boot.example.com:80'],
  ['2001:db8::7', 80, '[2001:db8::7]:80'],
  ['', 8080, ':8080'],
])('%s and %i are %s', (host, port, address) => {
  expect(formatAddress({ host, port })).toBe(address)
})

test.each([
  ['1', 1],
  ['65535', 65_535],
  ['0', undefined],
  ['65536', undefined],
  ['+1', undefined],
  ['http', undefined],
])('as a port, "%s" is %s', (text, port) => {
  expect(toPort(text)).toBe(port)
})

test.each([
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '::ffff:c000:207'],
  ['2001:db8::7', '2001:db8::7'],
  [undefined, ''],
])('the client %s is %s', (client, address) => {
  expect(plainAddress(client)).toBe(address)
})

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['127.example.com', false],
  ['::1', true],
  ['localhost', true],
  ['', false],
  ['0.0.0.0', false],
  ['192.0.2.7', false],
])('"%s" is reached only from this computer: %s', (host, isOwn) => {
  expect(isLoopbackHost(host)).toBe(isOwn)
})
