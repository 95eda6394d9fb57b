import type { NetworkInterfaceInfo } from 'node:os'
import { expect, test } from 'vitest'
import { localUrl, outsideUrls } from '../src/listen.ts'

const address = { netmask: '', mac: '', cidr: null, internal: false } as const
const interfaces: Record<string, NetworkInterfaceInfo[]> = {
  lo: [
    { ...address, family: 'IPv4', address: '127.0.0.1', internal: true },
    { ...address, family: 'IPv6', address: '::1', scopeid: 0, internal: true },
  ],
  eth0: [
    { ...address, family: 'IPv4', address: '192.0.2.7' },
    { ...address, family: 'IPv6', address: '2001:db8::7', scopeid: 0 },
    // A link-local address: a URL with it works nowhere else.
    { ...address, family: 'IPv6', address: 'fe80::7', scopeid: 2 },
  ],
}

test.each([
  ['::', false, ['http://192.0.2.7:80', 'http://[2001:db8::7]:80']],
  ['0.0.0.0', true, ['https://192.0.2.7:80']],
  ['192.0.2.7', false, []],
])('listening on %s (TLS %s) others reach it at %j', (host, tls, urls) => {
  expect(outsideUrls({ host, port: 80 }, tls, interfaces)).toEqual(urls)
})

test.each([
  ['::', false, 'http://127.0.0.1:80'],
  ['0.0.0.0', false, 'http://127.0.0.1:80'],
  ['::1', true, 'https://[::1]:80'],
  ['192.0.2.7', false, 'http://192.0.2.7:80'],
])('listening on %s (TLS %s) this computer reaches it at %s', (host, tls, url) => {
  expect(localUrl({ host, port: 80 }, tls)).toBe(url)
})
