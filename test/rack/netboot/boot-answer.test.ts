import { describe, expect, test } from 'vitest'
import { chooseFile, destinationOf, writeAnswer } from '../../../src/rack/netboot/boot-answer.ts'
import { recognizeClient } from '../../../src/rack/netboot/boot-client.ts'
import { type DhcpPacket, options, writeDhcp } from '../../../src/rack/netboot/dhcp-packet.ts'
import { ipxeOptions, mac, parse, request, uuid } from './requests.ts'

const address = '10.77.0.10'
const script = 'http://10.77.0.10:7070/boot/x.ipxe'
const source = {
  address,
  binaries: new Set(['bios', 'uefi', 'uefiArm64'] as const),
  filesUrl: 'http://10.77.0.10:7070/ipxe/',
}
const folder = '52-54-00-aa-00-01'

const [pxe, http] = [{ vendor: 'PXEClient' }, { vendor: 'HTTPClient' }] as const

describe('the file for a machine', () => {
  test.each([
    ['BIOS', { ...pxe, arch: 0 }, `${folder}/undionly.kpxe`],
    ['UEFI x86_64, by its number', { ...pxe, arch: 7 }, `${folder}/snponly.efi`],
    ['UEFI x86_64, by its other number', { ...pxe, arch: 9 }, `${folder}/snponly.efi`],
    ['UEFI arm64', { ...pxe, arch: 11 }, `${folder}/snponly-arm64.efi`],
    ['HTTP Boot on x86_64', { ...http, arch: 16 }, `${source.filesUrl}${folder}/snponly.efi`],
    ['HTTP Boot on arm64', { ...http, arch: 19 }, `${source.filesUrl}${folder}/snponly-arm64.efi`],
    ['iPXE on BIOS', { ...pxe, arch: 0, more: ipxeOptions }, script],
    ['iPXE on UEFI', { ...pxe, arch: 7, more: ipxeOptions.slice(0, 1) }, script],
    ['iPXE that is recognizable only by its own option', { ...pxe, arch: 7, more: ipxeOptions.slice(1) }, script],
    ['iPXE on an unknown architecture', { ...pxe, arch: 27, more: ipxeOptions }, script],
  ])('%s', (_, parts, file) => {
    expect(chooseFile(recognizeClient(request(parts)), mac, script, source)).toEqual({ file })
  })

  test('is chosen by the first known architecture in a list', () => {
    const packet = request({ ...pxe, arch: 7, more: [[options.architecture, Buffer.of(0, 11)]] })
    // Option 93 twice is one list (RFC 3396).
    expect(recognizeClient(packet)).toMatchObject({ binary: 'uefi', name: 'UEFI x86_64' })
  })

  test('is chosen by the vendor class if the ROM sends no architecture', () => {
    const old = parse(
      writeDhcp({
        isRequest: true,
        type: 1,
        xid: 1,
        mac,
        options: [[60, Buffer.from('PXEClient:Arch:00007:UNDI:003000')]],
      }),
    )
    expect(recognizeClient(old)).toMatchObject({ stage: 'pxe', binary: 'uefi', isUefi: true })
    const older = parse(writeDhcp({ isRequest: true, type: 1, xid: 1, mac, options: [[60, Buffer.from('PXEClient')]] }))
    expect(recognizeClient(older)).toMatchObject({ stage: 'pxe', binary: 'bios', isUefi: false })
  })

  test.each([
    ['32-bit UEFI', { ...pxe, arch: 6 }, 'there is no iPXE for 32-bit UEFI'],
    ['32-bit HTTP Boot', { ...http, arch: 15 }, 'there is no iPXE for 32-bit UEFI'],
    ['an unknown number', { ...pxe, arch: 27 }, 'there is no iPXE for architecture 27'],
  ])('there is none for %s', (_, parts, problem) => {
    expect(chooseFile(recognizeClient(request(parts)), mac, script, source)).toEqual({ problem })
  })

  test('is missing without an iPXE build, and for HTTP Boot without a URL', () => {
    const uefi = recognizeClient(request({ ...pxe, arch: 7 }))
    expect(chooseFile(uefi, mac, script, { ...source, binaries: new Set(['bios'] as const) })).toMatchObject({
      problem: expect.stringContaining('no iPXE for UEFI x86_64'),
    })
    const httpBoot = recognizeClient(request({ ...http, arch: 16 }))
    expect(chooseFile(httpBoot, mac, script, { ...source, filesUrl: undefined })).toHaveProperty('problem')
  })

  test('a request without network boot counts as a system', () => {
    expect(recognizeClient(request()).stage).toBe('system')
    expect(recognizeClient(request({ more: [[60, Buffer.from('MSFT 5.0')]] })).stage).toBe('system')
  })
})

/** The answer to a request. */
function answer(parts: Parameters<typeof request>[0]): DhcpPacket {
  const packet = request(parts)
  return parse(writeAnswer(packet, recognizeClient(packet), 'a/b.efi', address))
}

describe('the answer', () => {
  test('assigns no address, names its server in every field that ROMs read, and repeats their fields', () => {
    const { options: all, ...head } = answer({ ...pxe, xid: 77, giaddr: '10.9.0.1' })
    expect(head).toEqual({
      isRequest: false,
      type: 2,
      xid: 77,
      secs: 0,
      flags: 0x8000,
      ciaddr: '0.0.0.0',
      yiaddr: '0.0.0.0',
      siaddr: address,
      giaddr: '10.9.0.1',
      mac,
      file: 'a/b.efi',
    })
    expect(Object.fromEntries(all)).toEqual({
      53: Buffer.of(2),
      54: Buffer.of(10, 77, 0, 10),
      60: Buffer.from('PXEClient'),
      43: Buffer.of(6, 1, 8, 255),
      97: uuid,
      67: Buffer.from('a/b.efi'),
    })
  })

  test('has no PXE options for UEFI, which then uses port 4011, but has them for its iPXE', () => {
    expect(answer({ ...pxe, arch: 7 }).options.has(options.vendor)).toBe(false)
    expect(answer({ ...http, arch: 16 }).options.has(options.vendor)).toBe(false)
    expect(answer({ ...pxe, arch: 7, more: ipxeOptions }).options.get(options.vendor)).toEqual(Buffer.of(6, 1, 8, 255))
  })

  test('for HTTP Boot is marked as such', () => {
    expect(
      answer({ ...http, arch: 16 })
        .options.get(options.vendorClass)
        ?.toString(),
    ).toBe('HTTPClient')
  })

  test('on port 4011 is an acknowledgement, and repeats the requested boot item', () => {
    const item = Buffer.of(0, 71, 4, 0, 0, 0, 0, 255)
    const acknowledged = answer({ ...pxe, type: 3, arch: 7, more: [[options.vendor, item]] })
    expect([acknowledged.type, acknowledged.options.get(options.vendor)]).toEqual([
      5,
      Buffer.of(71, 4, 0, 0, 0, 0, 255),
    ])
  })

  test.each([
    ['runs over the end', Buffer.of(71, 4, 0)],
    ['is of another length', Buffer.of(71, 2, 0, 0, 255)],
    ['is cut after its code', Buffer.of(71)],
  ])('repeats no boot item that %s', (_, item) => {
    expect(answer({ ...pxe, type: 3, arch: 7, more: [[options.vendor, item]] }).options.has(options.vendor)).toBe(false)
  })

  test('repeats no UUID of another length', () => {
    const odd = parse(
      writeDhcp({
        isRequest: true,
        type: 1,
        xid: 1,
        mac,
        options: [
          [60, Buffer.from('PXEClient')],
          [97, Buffer.alloc(200)],
        ],
      }),
    )
    expect(parse(writeAnswer(odd, recognizeClient(odd), 'x', address)).options.has(97)).toBe(false)
  })

  test.each([
    ['without its broadcast flag too, to everyone', {}, '255.255.255.255', 68],
    ['to a relay', { giaddr: '10.9.0.1' }, '10.9.0.1', 67],
    ['to a machine that has an address', { ciaddr: '10.77.0.101' }, '10.77.0.101', 68],
    ['to no relay that is every computer', { giaddr: '255.255.255.255' }, '255.255.255.255', 68],
    ['to no relay that is a group', { giaddr: '224.0.0.1' }, '255.255.255.255', 68],
    ['to no relay that is this computer', { giaddr: '127.0.0.1' }, '255.255.255.255', 68],
  ])('goes %s', (_, parts, host, port) => {
    expect(destinationOf(request({ ...pxe, ...parts }))).toEqual({ host, port })
  })
})
