// A machine whose serial console is not ttyS1: the script that it gets through the rack.
import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootScript } from '../../src/ipxe/boot-script.ts'
import { scriptRelay } from '../../src/rack/script-relay.ts'
import { makeDevice } from '../lab/cloud/make-device.ts'
import { close, listen } from '../helpers/port.ts'

const own = bootScript({
  name: 'linuxkit',
  baseUrl: 'http://192.0.2.1',
  arch: 'x86_64',
  cmdline: 'console=ttyS0 quiet',
})
const pages = new Map([
  ['/own', own],
  ['/names', bootScript({ name: 'a', baseUrl: 'http://192.0.2.1', arch: 'x86_64', cmdline: 'console=ttyS1' })],
  ['/other', '#!ipxe\nkernel vmlinuz serial console=ttyS1,115200 quiet\nboot'],
  ['/long', `${own}\n${'#'.repeat(300_000)}`],
])
const server = createServer(({ url = '' }, response) => {
  const text = pages.get(url)
  response.writeHead(text === undefined ? 404 : 200).end(text)
})
let origin = ''

beforeAll(async () => {
  origin = `http://127.0.0.1:${await listen(server)}`
})
afterAll(() => close(server))

const x86 = {
  plan: 'small',
  macs: ['52:54:00:aa:00:01'],
  firmware: 'bios',
  arch: 'x86_64',
  boot: 'pxe',
  inUse: false,
} as const
const fixed = { address: { ip: '192.0.2.5', mask: '255.255.255.0' }, gateway: '192.0.2.1' }
const relay = scriptRelay({
  machines: [
    { ...x86, name: 'r1', macs: [...x86.macs], tty: 'ttyS0' },
    { ...x86, name: 'r2', macs: [...x86.macs] },
    { ...x86, name: 'r3', macs: [...x86.macs], tty: 'ttyS1' },
    { ...x86, name: 'r4', macs: [...x86.macs], arch: 'aarch64', tty: 'ttyAMA0' },
    { ...x86, name: 'r5', macs: [...x86.macs], boot: 'media', fixed },
    { ...x86, name: 'r6', macs: [...x86.macs], boot: 'media', fixed, tty: 'ttyS0' },
  ],
})
const deviceOf = (machine: string | undefined, ipxeScriptUrl: string | null) => makeDevice({ machine, ipxeScriptUrl })

test('machines for which the file names another console than ttyS1, or an address, get their scripts through the rack', () => {
  const url = `${origin}/own`
  const through = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6', undefined].filter((name) => relay.isFor(deviceOf(name, url)))
  expect(through).toEqual(['r1', 'r5', 'r6'])
  expect(relay.isFor(deviceOf('r1', null))).toBe(false)
})

test('the word that the script adds names the console of the machine, and nothing else changes', async () => {
  expect(await relay.fetch(deviceOf('r1', `${origin}/own`))).toEqual({
    text: own.replace('serial console=ttyS1,115200 console=ttyS0', 'serial console=ttyS0,115200 console=ttyS0'),
    event: 'r1: its script has console=ttyS0 in place of console=ttyS1',
  })
})

test.each([
  ['/names', 'it does not add console=ttyS1 itself'],
  ['/other', 'it does not add console=ttyS1 itself'],
  ['/long', 'it is longer than 256 KiB'],
  ['/missing', 'it could not be loaded: Not found (http://ipxe.org/2d0c618e)'],
])('the machine loads another script by itself: %s', async (path, why) => {
  const url = `${origin}${path}`
  expect(await relay.fetch(deviceOf('r1', url))).toEqual({
    text: `#!ipxe\nchain --autofree ${url}\n`,
    event: `r1: its script is left as it is, without console=ttyS0: ${why}`,
  })
})

test('a machine with a fixed address asks for no other, and Linux keeps it', async () => {
  const changed = own.replace('dhcp\n', '').replace('ip=dhcp', 'ip=192.0.2.5::192.0.2.1:255.255.255.0:::off')
  expect(changed).not.toContain('dhcp')
  expect(await relay.fetch(deviceOf('r5', `${origin}/own`))).toEqual({
    text: changed,
    event: 'r5: its script keeps the address 192.0.2.5 in place of dhcp',
  })
  expect(await relay.fetch(deviceOf('r6', `${origin}/names`))).toMatchObject({
    text: expect.stringContaining('ip=192.0.2.5::192.0.2.1:255.255.255.0:::off'),
    event: expect.stringMatching(
      /^r6: its script keeps the address 192\.0\.2\.5 in place of dhcp, and without console=ttyS0/,
    ),
  })
  expect(await relay.fetch(deviceOf('r6', `${origin}/missing`))).toMatchObject({
    event: expect.stringMatching(/without console=ttyS0 and the address 192\.0\.2\.5: it could not be loaded/),
  })
})
