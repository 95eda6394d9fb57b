import { array, assert, constantFrom, nat, property, record, uint8Array } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { options, parseDhcp, plainPart, writeDhcp } from '../../../src/rack/netboot/dhcp-packet.ts'
import { recognizeClient } from '../../../src/rack/netboot/boot-client.ts'
import { writeAnswer } from '../../../src/rack/netboot/boot-answer.ts'
import { ipxeOptions, mac, parse, requestBytes } from './requests.ts'

const seed = 16_031

/** A request whose options are these bytes, with fields of the header filled at will. */
function withOptions(bytes: number[], fields: { file?: number[]; sname?: number[] } = {}): Buffer {
  const packet = Buffer.concat([requestBytes().subarray(0, 240), Buffer.from(bytes)])
  packet.set(fields.sname ?? [], 44)
  packet.set(fields.file ?? [], 108)
  return packet
}

/** An answer can be written to every packet. */
function judge(bytes: Buffer): void {
  const packet = parseDhcp(bytes)
  if (packet === undefined) return
  const answer = parse(writeAnswer(packet, recognizeClient(packet), 'x'.repeat(255), '10.77.0.10'))
  expect(answer.mac).toBe(packet.mac)
}

describe('a DHCP packet', () => {
  test('is read as it was written', () => {
    const parts = {
      isRequest: false,
      type: 2,
      xid: 0xfedcba98,
      secs: 7,
      flags: 0x8000,
      ciaddr: '10.0.0.1',
      yiaddr: '10.0.0.2',
      siaddr: '10.0.0.3',
      giaddr: '10.0.0.4',
      mac,
      file: 'undionly.kpxe',
    }
    const bytes = writeDhcp({ ...parts, options: [[67, Buffer.from('x')]] })
    expect(bytes).toHaveLength(300)
    const { options: read, ...rest } = parse(bytes)
    expect(rest).toEqual(parts)
    expect([...read]).toEqual([
      [53, Buffer.of(2)],
      [67, Buffer.from('x')],
    ])
  })

  test('has a boot file that is too long for the header only in the options', () => {
    const file = `http://10.77.0.10/${'x'.repeat(237)}`
    const packet = parse(
      writeDhcp({ isRequest: false, type: 2, xid: 1, mac, file, options: [[67, Buffer.from(file)]] }),
    )
    expect([packet.file, packet.options.get(67)?.toString()]).toEqual(['', file])
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a header without options', requestBytes().subarray(0, 239)],
    ['another cookie', Buffer.concat([requestBytes().subarray(0, 236), Buffer.of(1, 2, 3, 4, 53, 1, 1, 255)])],
    ['no message type', withOptions([255])],
    ['a message type of two bytes', withOptions([53, 2, 1, 1, 255])],
    ['an option without its length', withOptions([53, 1, 1, 60])],
    ['an option that runs over the end', withOptions([53, 1, 1, 60, 9, 80, 88])],
    ['an invalid overload', withOptions([53, 1, 1, 52, 1, 4, 255])],
    ['an option in the file field that runs over its end', withOptions([53, 1, 1, 52, 1, 1, 255], { file: [12, 200] })],
    ['an option in the name field that runs over its end', withOptions([53, 1, 1, 52, 1, 2, 255], { sname: [12, 64] })],
    ['a packet longer than a frame', Buffer.concat([requestBytes(), Buffer.alloc(1300)])],
    ['another hardware type', Buffer.concat([Buffer.of(1, 6, 6, 0), requestBytes().subarray(4)])],
    ['another length of address', Buffer.concat([Buffer.of(1, 1, 16, 0), requestBytes().subarray(4)])],
    ['another operation', Buffer.concat([Buffer.of(3, 1, 6, 0), requestBytes().subarray(4)])],
  ])('is none with %s', (_, bytes) => {
    expect(parseDhcp(bytes)).toBeUndefined()
  })

  test('has options in the fields of its header, which cannot refer to further fields', () => {
    const file = [60, 3, 80, 88, 69, 52, 1, 3, 255]
    const sname = [60, 6, 67, 108, 105, 101, 110, 116, 255]
    const packet = parse(withOptions([53, 1, 1, 52, 1, 3, 255], { file, sname }))
    // The parts of an option are joined: options, file, name (RFC 3396).
    expect(packet.options.get(options.vendorClass)?.toString()).toBe('PXEClient')
    expect(packet.file).toBe('')
    const looped = parse(withOptions([53, 1, 1, 52, 1, 1, 255], { file, sname }))
    expect(looped.options.get(options.vendorClass)?.toString()).toBe('PXE')
  })

  test('is read to its end if the end is not marked', () => {
    expect(parse(withOptions([0, 0, 53, 1, 1])).type).toBe(1)
  })

  test('never makes the parser fail, nor the answer to it', () => {
    // Random bytes behind a sound header, and sound packets with bytes changed, cut off or added.
    const rows = [
      requestBytes({ vendor: 'PXEClient', arch: 7 }),
      requestBytes({ vendor: 'HTTPClient', arch: 16 }),
      requestBytes({ vendor: 'PXEClient', more: ipxeOptions }),
    ]
    assert(
      property(uint8Array({ maxLength: 600 }), (bytes) => judge(withOptions([53, 1, 1, ...bytes]))),
      { seed, numRuns: 5000 },
    )
    const change = record({ at: nat(700), value: nat(255) })
    assert(
      property(constantFrom(...rows), array(change, { maxLength: 20 }), nat(700), (row, changes, length) => {
        const bytes = Buffer.concat([row, Buffer.alloc(400)]).subarray(0, Math.max(length, 240))
        for (const { at, value } of changes) if (at < bytes.length && at > 2) bytes.writeUInt8(value, at)
        judge(Buffer.from(bytes))
      }),
      { seed, numRuns: 5000 },
    )
  })

  test('is parsed in linear time, however many options it repeats', () => {
    const bytes = withOptions([53, 1, 1, ...Array.from({ length: 1250 }, (_, index) => (index % 2 === 0 ? 60 : 0))])
    expect(parse(bytes).options.get(60)).toHaveLength(0)
  })
})

test('a text ends before its terminator or garbage after it', () => {
  expect(plainPart(Buffer.from('snponly.efi\0\u00ff', 'latin1'))).toBe('snponly.efi')
  expect(plainPart(Buffer.from('snponly.efi\u00ff', 'latin1'))).toBe('snponly.efi')
})
