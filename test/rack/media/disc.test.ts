// The disc of boot: media: its script, its files, and the image that xorriso makes.
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withFixedAddress } from '../../../src/ipxe/boot-script.ts'
import { answerDisc } from '../../../src/rack/media-routes.ts'
import { chooseDiscFiles, type DiscFiles } from '../../../src/rack/media/disc-files.ts'
import { discScript } from '../../../src/rack/media/disc-script.ts'
import { makeDisc } from '../../../src/rack/media/disc.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'

const { signal } = new AbortController()
const machine = {
  name: 'r1',
  plan: 'small',
  macs: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'],
  firmware: 'bios',
  arch: 'x86_64',
  boot: 'media',
  inUse: false,
} as const
const fixed = { address: { ip: '192.0.2.5', mask: '255.255.255.128' }, gateway: '192.0.2.1', dns: '192.0.2.2' }

test('the script knows each card, gives it its address or asks DHCP, and fetches the script of its MAC', () => {
  const script = discScript('http://192.0.2.10:7071', [
    { macs: [...machine.macs] },
    { macs: ['52:54:00:aa:00:03'], fixed },
  ])
  expect(script.split('\n').filter((line) => line.startsWith('iseq ${net'))).toEqual([
    'iseq ${net${card}/mac} 52:54:00:aa:00:01 && set known yes && goto dhcp ||',
    'iseq ${net${card}/mac} 52:54:00:aa:00:02 && set known yes && goto dhcp ||',
    'iseq ${net${card}/mac} 52:54:00:aa:00:03 && set known yes && set address 192.0.2.5 && set mask 255.255.255.128 && set router 192.0.2.1 && set resolver 192.0.2.2 && goto fixed ||',
  ])
  expect(script).toContain('chain --autofree http://192.0.2.10:7071/media/mac/${net${card}/mac:hexhyp} && exit ||')
})

/** An EFI program for x86_64 with these texts in it. */
function program(...texts: (string | Buffer)[]): Buffer {
  const head = Buffer.alloc(128)
  head.write('MZ')
  head.writeUInt32LE(64, 60)
  head.write('PE\0\0', 64, 'latin1')
  head.writeUInt16LE(0x8664, 68)
  return Buffer.concat([head, ...texts.map((text) => Buffer.from(text))])
}

const initrdGuid = Buffer.from('27e46855fc683d4fac74ca555231cc68', 'hex')

test.each([
  [
    'old.efi',
    program(initrdGuid),
    /older than January 2021: it does not read the script on the disc \(autoexec\.ipxe\); name a newer one as ipxe\.disc\.uefi/,
  ],
  ['text.efi', Buffer.from('#!ipxe'), /is not a UEFI program/],
  ['absent.efi', undefined, /"[^"]*absent\.efi" does not exist: install iPXE/],
])('a file that cannot boot the disc is named, with the reason: %s', async (name, content, problem) => {
  using folder = makeFolder()
  const path = join(folder.path, name)
  if (content !== undefined) writeFileSync(path, content)
  const { files, problems } = await chooseDiscFiles({
    ipxe: { disc: { uefi: path } },
    machines: [{ ...machine, macs: [...machine.macs], firmware: 'uefi' }],
  })
  expect(files.uefi).toBeUndefined()
  expect(problems).toEqual([expect.stringMatching(problem)])
})

test.each([
  ['autoexec.ipxe', program('autoexec.ipxe', initrdGuid), []],
  ['in UTF-16, too old for LinuxKit', program(Buffer.from('autoexec.ipxe', 'utf16le')), [/older than February 2023/]],
])('a build that reads the script is taken: %s', async (_, content, warnings) => {
  using folder = makeFolder()
  const path = join(folder.path, 'ipxe.efi')
  writeFileSync(path, content)
  const choice = await chooseDiscFiles({
    ipxe: { disc: { uefi: path } },
    machines: [{ ...machine, macs: [...machine.macs], firmware: 'uefi' }],
  })
  expect(choice.files.uefi?.path).toBe(path)
  expect(choice.problems).toEqual([])
  expect(choice.warnings).toEqual(warnings.map((text) => expect.stringMatching(text)))
})

test('machines in use, and those that boot otherwise, need no disc', async () => {
  const machines = [
    { ...machine, macs: [...machine.macs], inUse: true },
    { ...machine, macs: [...machine.macs], boot: 'pxe' as const },
  ]
  expect(await chooseDiscFiles({ ipxe: { disc: {} }, machines })).toEqual({ files: {}, problems: [], warnings: [] })
})

const file = (name: string, content: Buffer | string) => ({ path: name, content: Buffer.from(content) })

const programs = needs('xorriso', 'mformat', 'mdir', 'mtype')

test('the image boots BIOS and UEFI, has the script for both, and no file is left behind', programs, async () => {
  using folder = makeFolder()
  const files: DiscFiles = {
    bios: file('ipxe.lkrn', 'kernel'),
    isolinux: file('isolinux.bin', Buffer.alloc(4096, 1)),
    ldlinux: file('ldlinux.c32', 'module'),
    uefi: file('ipxe.efi', Buffer.alloc(3_000_000, 2)),
    uefiArm64: file('ipxe-arm64.efi', 'arm'),
  }
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('metalkit-disc-'))
  const disc = await makeDisc(files, '#!ipxe\necho hello\n', signal)
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('metalkit-disc-'))).toEqual(before)
  const image = join(folder.path, 'disc.iso')
  writeFileSync(image, disc)
  const report = execFileSync('xorriso', ['-indev', image, '-report_el_torito', 'plain', '-find'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  expect(report).toMatch(/boot img .* BIOS .*\n.*boot img .* UEFI/)
  expect(report).toContain("'./isolinux/ipxe.krn'")
  const extract = (path: string, to: string) =>
    execFileSync('xorriso', ['-osirrox', 'on', '-indev', image, '-extract', path, to], { stdio: 'ignore' })
  extract('/isolinux/script.ipx', join(folder.path, 'script'))
  extract('/efi.img', join(folder.path, 'efi.img'))
  const read = (name: string) => execFileSync('mtype', ['-i', join(folder.path, 'efi.img'), name], { encoding: 'utf8' })
  expect(execFileSync('cat', [join(folder.path, 'script')], { encoding: 'utf8' })).toBe('#!ipxe\necho hello\n')
  expect(read('::/autoexec.ipxe')).toBe('#!ipxe\necho hello\n')
  expect(read('::/EFI/BOOT/BOOTAA64.EFI')).toBe('arm')
})

test('a missing program is one line', async () => {
  using folder = makeFolder()
  const { PATH } = process.env
  process.env['PATH'] = folder.path
  try {
    const files: DiscFiles = { uefi: { path: 'ipxe.efi', content: Buffer.from('x') } }
    await expect(makeDisc(files, '', signal)).rejects.toThrow(
      'the disc for boot: media cannot be made: mformat is not installed',
    )
  } finally {
    process.env['PATH'] = PATH
  }
})

test('a folder that cannot be used is one line', async () => {
  using folder = makeFolder()
  const { TMPDIR } = process.env
  process.env['TMPDIR'] = join(folder.path, 'absent')
  try {
    await expect(makeDisc({}, '', signal)).rejects.toMatchObject({
      message: expect.stringMatching(
        /^the disc for boot: media cannot be made: "[^"]*absent" cannot be used: no such file/,
      ),
      hint: 'set TMPDIR to a folder with 20 MB of space',
    })
  } finally {
    if (TMPDIR === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = TMPDIR
  }
})

const ten = Buffer.from('0123456789')

test.each([
  [undefined, 200, '0123456789', undefined],
  ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
  ['bytes=8-', 206, '89', 'bytes 8-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
  ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
  ['bytes=10-', 416, undefined, 'bytes */10'],
  ['bytes=5-2', 200, '0123456789', undefined],
  ['bytes=-0', 416, undefined, 'bytes */10'],
  ['bytes=0-1,3-4', 200, '0123456789', undefined],
  ['lines=1-2', 200, '0123456789', undefined],
])('a BMC reads the bytes that it asks for: %s', (range, status, text, contentRange) => {
  const answer = answerDisc(ten, range)
  expect([answer.status, answer.bytes?.toString(), answer.headers?.['content-range']]).toEqual([
    status,
    text,
    contentRange,
  ])
})

test('a script gets a fixed address in place of each dhcp, and nothing else changes', () => {
  const script =
    '#!ipxe\ndhcp\ndhcp ||\nset kernel-params ip=dhcp ro\nkernel vmlinuz ip=dhcp quiet\necho dhcp\ndhcp net0\n'
  expect(withFixedAddress(script, { ip: '192.0.2.5', mask: '255.255.255.0' })).toBe(
    '#!ipxe\nset kernel-params ip=192.0.2.5:::255.255.255.0:::off ro\nkernel vmlinuz ip=192.0.2.5:::255.255.255.0:::off quiet\necho dhcp\ndhcp net0\n',
  )
})
