import { expect, test } from 'vitest'
import { parseTunnel } from '../../src/tunnel/target.ts'

const ssh = { kind: 'ssh', user: undefined, host: 'host', port: undefined, bind: { host: '', port: 0 } }

test.each([
  ['ssh://host', ssh],
  ['ssh://host/', ssh],
  ['ssh://me@host:2222', { ...ssh, user: 'me', port: 2222 }],
  ['ssh://host?bind=8080', { ...ssh, bind: { host: '', port: 8080 } }],
  ['ssh://host?bind=:8080', { ...ssh, bind: { host: '', port: 8080 } }],
  ['ssh://host?bind=192.0.2.7:80', { ...ssh, bind: { host: '192.0.2.7', port: 80 } }],
  ['ssh://[2001:db8::1]?bind=[::1]:80', { ...ssh, host: '2001:db8::1', bind: { host: '::1', port: 80 } }],
  ['ngrok', { kind: 'ngrok', apiPort: 4040 }],
  ['ngrok:4041', { kind: 'ngrok', apiPort: 4041 }],
])('%s', (text, expected) => {
  expect(parseTunnel(text)).toEqual(expected)
})

test.each([
  ['', '--tunnel "" is an unknown kind of tunnel'],
  ['host', '--tunnel "host" is an unknown kind of tunnel'],
  ['http://host', '--tunnel "http://host" is an unknown kind of tunnel'],
  ['ssh://', '--tunnel "ssh://" is an unknown kind of tunnel'],
  ['ssh://host/path', '--tunnel "ssh://host/path" has a path'],
  ['ssh://me:secret@host', '--tunnel has a password'],
  ['ssh://host?bing=1', '--tunnel "ssh://host?bing=1" has an unknown setting (bing)'],
  ['ssh://host?bind=a', '--tunnel "ssh://host?bind=a" has a bind that is not a port'],
  ['ssh://host?bind=65536', '--tunnel "ssh://host?bind=65536" has no valid port'],
  ['ngrok:99999', '--tunnel "ngrok:99999" has no valid port'],
])('refuses %j', (text, message) => {
  expect(() => parseTunnel(text)).toThrow(expect.objectContaining({ name: 'UsageError', message }))
})
