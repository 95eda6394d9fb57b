import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examineIpxe, findIpxe, findIpxeFaults, lookAtIpxe } from '../../../src/rack/netboot/ipxe-files.ts'

/** A UEFI program for a machine type, with a text in it. */
function program(machine: number, ...parts: (string | Buffer)[]): Buffer {
  const head = Buffer.alloc(128)
  head.write('MZ', 0, 'latin1')
  head.writeUInt32LE(64, 60)
  head.write('PE\0\0', 64, 'latin1')
  head.writeUInt16LE(machine, 68)
  return Buffer.concat([head, ...parts.map((part) => Buffer.from(part))])
}

/** What Linux asks for its initrd by, as it lies in iPXE. */
const guid = Buffer.from('27e46855fc683d4fac74ca555231cc68', 'hex')

describe('a build of iPXE', () => {
  test('of February 2023 or later hands Linux its initrd, and is without fault', () => {
    const file = examineIpxe('uefi', '/x/snponly.efi', program(0x8664, 'iPXE 1.21.1+ (g182ee) ', guid))
    expect(file).toEqual({ kind: 'uefi', path: '/x/snponly.efi', version: '1.21.1+ (g182ee)', warnings: [] })
  })

  test('that is older is warned of, whatever its version says', () => {
    const { warnings } = examineIpxe(
      'uefi',
      '/x/snponly.efi',
      program(0x8664, '1.21.1+git-20220113.fbbdc3926-0ubuntu1'),
    )
    expect(warnings).toEqual([expect.stringMatching(/^"\/x\/snponly\.efi" is older than February 2023: .* initrd=/)])
  })

  test('with network drivers of its own is warned of', () => {
    const { warnings } = examineIpxe('uefiArm64', '/usr/lib/ipxe/ipxe-arm64.efi', program(0xaa64, guid))
    expect(warnings).toEqual([expect.stringContaining('use snponly.efi')])
  })

  test.each([
    ['uefi', program(0xaa64, guid), 'a UEFI program for another kind of machine (0xaa64)'],
    ['uefiArm64', program(0x8664, guid), 'a UEFI program for another kind of machine (0x8664)'],
    ['uefi', Buffer.from('#!/bin/sh'), 'not a UEFI program'],
    ['uefi', Buffer.from('MZ'), 'not a UEFI program'],
    ['uefi', Buffer.concat([Buffer.from('MZ'), Buffer.alloc(100, 255)]), 'not a UEFI program'],
    ['bios', program(0x8664), 'a UEFI program for another kind of machine (0x8664)'],
  ] as const)('for %s is refused if it is of another kind', (kind, content, problem) => {
    expect(examineIpxe(kind, '/x', content).problem).toBe(`"/x" is ${problem}`)
  })

  test('is found in the first place that has one that works', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'metalkit-ipxe-'))
    try {
      const [broken, sound] = [join(folder, 'a.efi'), join(folder, 'b.efi')]
      await writeFile(broken, 'no program')
      await writeFile(sound, program(0x8664, guid))
      const none = join(folder, 'none')
      const found = await findIpxe({ bios: [none], uefi: [none, broken, sound], uefiArm64: [broken] })
      expect(found).toEqual({
        uefi: { kind: 'uefi', path: sound, warnings: [] },
        uefiArm64: { kind: 'uefiArm64', path: broken, problem: `"${broken}" is not a UEFI program`, warnings: [] },
      })
      expect(await lookAtIpxe('bios', folder)).toMatchObject({ problem: `cannot read "${folder}": it is a folder` })
      expect(await lookAtIpxe('bios', none)).toBeUndefined()
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('is named with its fault, if machines need it', () => {
    const old = examineIpxe('uefi', '/x/snponly.efi', program(0x8664))
    const wrong = examineIpxe('uefiArm64', '/x/arm.efi', program(0x8664))
    expect(findIpxeFaults([], { uefi: old })).toEqual([])
    expect(findIpxeFaults(['bios', 'uefi', 'uefiArm64'], { uefi: old, uefiArm64: wrong })).toEqual([
      expect.stringMatching(/^there is no iPXE for bios: install iPXE .*apt install ipxe/),
      expect.stringContaining('older than February 2023'),
      expect.stringMatching(/^"\/x\/arm.efi" is a UEFI program for another kind of machine \(0x8664\): install iPXE/),
    ])
  })

  const debians = '/usr/lib/ipxe/snponly.efi'
  test.skipIf(!existsSync(debians) && process.env['CI'] !== 'true')('of Debian 12 is known for its age', async () => {
    const { bios, uefi } = await findIpxe()
    expect(bios).toEqual({ kind: 'bios', path: '/usr/lib/ipxe/undionly.kpxe', warnings: [] })
    expect(uefi).toMatchObject({ path: debians, version: '1.0.0+git-20190125.36a4c85-5.1' })
    expect(uefi?.warnings).toEqual([expect.stringContaining('older than February 2023')])
  })
})
