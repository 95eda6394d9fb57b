import { describe, expect, test } from 'vitest'
import type { BootClient } from '../../../src/rack/netboot/boot-client.ts'
import { StepHistory } from '../../../src/rack/netboot/step-history.ts'
import { describeNetbootStep, explainStop, type Step } from '../../../src/rack/netboot/steps.ts'
import { mac } from './requests.ts'

const pxe: BootClient = { stage: 'pxe', name: 'BIOS', binary: 'bios', isUefi: false }
const ipxe: BootClient = { ...pxe, stage: 'ipxe' }
const system: BootClient = { stage: 'system', name: 'a system', isUefi: false }

const at = { mac, at: 0 }
const discover = (client: BootClient): Step => ({ ...at, kind: 'discover', client })
const request = (client: BootClient): Step => ({ ...at, kind: 'request', client, server: '10.77.0.1' })
const offer = (client: BootClient): Step => ({ ...at, kind: 'offer', client, file: 'x' })
const transfer: Step = { ...at, kind: 'transfer', file: 'undionly.kpxe', protocol: 'TFTP' }
const sent: Step = { ...at, kind: 'sent', file: 'undionly.kpxe', protocol: 'TFTP' }
const broken: Step = { ...at, kind: 'broken', file: 'undionly.kpxe', why: 'the machine stopped asking for more' }
const refused: Step = { ...at, kind: 'refused', why: 'there is no iPXE for 32-bit UEFI' }

describe('where a machine stopped', () => {
  test.each([
    ['without any request', [], 'it sent no DHCP request', /spanning tree/],
    ['after it booted its disk', [discover(system)], 'its firmware did not ask for network boot', /booted its disk/],
    [
      'without an answer, with dhcp: none',
      [discover(pxe), request(pxe)],
      'this rack does not answer (dhcp: none)',
      /router/,
    ],
    [
      'without an iPXE for it',
      [discover(pxe), refused],
      'it got no file: there is no iPXE for 32-bit UEFI',
      /binaries/,
    ],
    ['without an address', [discover(pxe), offer(pxe)], 'it accepted no address', /no DHCP server answered/],
    [
      'with an address and no file',
      [discover(pxe), offer(pxe), request(pxe)],
      'it did not load it',
      /69 and 4011.*router/,
    ],
    [
      'in a transfer',
      [discover(pxe), offer(pxe), request(pxe), transfer, broken],
      'the transfer did not end',
      /firewall/,
    ],
    [
      'before iPXE asked',
      [discover(pxe), offer(pxe), request(pxe), transfer, broken, sent],
      'it did not start',
      /Secure Boot/,
    ],
    [
      'with iPXE and no address',
      [discover(ipxe), offer(ipxe)],
      'no DHCP server gave it an address',
      /out of addresses/,
    ],
    [
      "with an address that was the firmware's, not iPXE's",
      [discover(pxe), offer(pxe), request(pxe), transfer, sent, discover(ipxe), offer(ipxe)],
      'no DHCP server gave it an address',
      /out of addresses/,
    ],
    [
      'with iPXE and an address',
      [discover(ipxe), offer(ipxe), request(ipxe)],
      'it did not fetch the script',
      /firewall/,
    ],
  ])('%s', (_, steps, missing, cause) => {
    const stop = explainStop(steps)
    expect(stop.missing).toContain(missing)
    expect(stop.cause).toMatch(cause)
    // Each is one clause.
    for (const text of Object.values(stop)) expect(text).toMatch(/^[A-Za-z][^\n]*[^.]$/)
  })
})

describe('the history of a machine', () => {
  test('counts a repetition once, and again after a while', () => {
    const history = new StepHistory()
    const times = [0, 1000, 9000, 10_000, 30_000]
    expect(times.map((time) => history.add({ ...discover(pxe), at: time }))).toEqual([true, false, false, true, true])
    expect(history.add({ ...discover(ipxe), at: 30_001 })).toBe(true)
    expect(history.of(mac)).toHaveLength(4)
    history.clear(mac)
    expect(history.of(mac)).toEqual([])
  })

  test('is bounded, however much is sent in its name, and keeps what is newest', () => {
    const history = new StepHistory()
    const add = (count: number, ms: number) =>
      history.add({ mac, at: ms, kind: 'request', client: pxe, server: String(count) })
    // Each step that is told becomes an event of the device, which is kept.
    const told = Array.from({ length: 999 }, (_, count) => add(count, count)).filter((isTold) => isTold)
    expect(told).toHaveLength(100)
    expect([add(998, 70_000), add(999, 70_001)]).toEqual([true, true])
    expect(history.of(mac)).toHaveLength(100)
    expect(describeNetbootStep(history.of(mac).at(-1) ?? sent)).toBe(
      'PXE on BIOS accepts an address from the DHCP server 999',
    )
  })
})
