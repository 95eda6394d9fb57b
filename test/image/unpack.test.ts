import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { decompressInitrd, decompressKernel } from '../../src/image/decompress.ts'
import { readKernelHead } from '../../src/image/kernel.ts'
import { detectKernel } from '../../src/kernel-format.ts'
import { needs } from '../helpers/needs.ts'
import { makeArchive } from './archives.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { arm64Image } from './kernels.ts'
import { decompress } from './reading.ts'
import { nowhere } from '../helpers/nowhere.ts'

const zeros = (size: number) => Buffer.alloc(size)
const microcode = makeArchive({ microcode: randomBytes(3001) })
const files = makeArchive({ init: Buffer.concat([randomBytes(2_000_000), zeros(3_000_000)]) })

describe.each([
  ['zstd', ['-q', '-c']],
  ['xz', ['-0', '-c', '--check=crc32']],
])('%s', (program, args) => {
  const pack = (input: Buffer) => execFileSync(program, args, { input, maxBuffer: 2 ** 26 })

  describe('is decompressed', needs(program), () => {
    test.each<[string, (packed: Buffer) => Buffer, Buffer]>([
      ['alone', (packed) => packed, files],
      [
        'after microcode',
        (packed) => Buffer.concat([microcode, zeros(4), packed]),
        Buffer.concat([microcode, zeros(4), files]),
      ],
      ['after gzip', (packed) => Buffer.concat([gzipSync(microcode), packed]), Buffer.concat([microcode, files])],
      ['twice', (packed) => Buffer.concat([packed, packed]), Buffer.concat([files, files])],
    ])('in an initrd, %s', async (_, build, expected) => {
      for (const sizes of [[2 ** 20], [70_001, 3]]) {
        const { content, decompressed } = await decompress(decompressInitrd, build(pack(files)), sizes)
        expect([content.equals(expected), decompressed]).toEqual([true, true])
      }
    })

    test('in a kernel, whose architecture is detected through it', async () => {
      const { content, decompressed } = await decompress(decompressKernel, pack(arm64Image))
      expect([content.equals(arm64Image), decompressed]).toEqual([true, true])
      const path = join(makeTestFolder(), 'demo-kernel')
      await writeFile(path, pack(arm64Image))
      const { head, compression } = await readKernelHead(path)
      expect([detectKernel(head), compression]).toEqual(['aarch64', program])
    })

    test.each<[string, (packed: Buffer) => Buffer]>([
      ['truncated', (packed) => packed.subarray(0, -20)],
      ['spoilt', (packed) => Buffer.from(packed).fill(1, 1_000_000, 1_000_100)],
    ])('and refused if %s', async (_, spoil) => {
      await expect(decompress(decompressInitrd, spoil(pack(files)))).rejects.toMatchObject({
        name: 'ImageError',
        message: expect.stringMatching(
          new RegExp(
            `^"demo-initrd\\.img" is damaged: the ${program} data at offset 0 cannot be unpacked \\(\\S.*\\)$`,
          ),
        ),
      })
    })

    test('and refused if other data follows', async () => {
      const packed = pack(files)
      await expect(decompress(decompressInitrd, Buffer.concat([packed, Buffer.from('x')]))).rejects.toMatchObject({
        name: 'ImageError',
        message: `"demo-initrd.img" cannot be decompressed: the part at offset ${packed.length} is neither a cpio archive nor compressed in a known format`,
      })
    })
  })

  describe('without the program', () => {
    const { PATH } = process.env
    afterEach(() => void (process.env['PATH'] = PATH))

    test('says what to install', async () => {
      process.env['PATH'] = nowhere
      const magic = Buffer.from({ zstd: '\x28\xb5\x2f\xfd', xz: '\xfd7zXZ\0' }[program] ?? '', 'latin1')
      await expect(decompress(decompressInitrd, Buffer.concat([magic, zeros(300_000)]))).rejects.toMatchObject({
        name: 'ImageError',
        message: `"demo-initrd.img" is ${program}, and the program "${program}" is not installed`,
        hint: `install ${program === 'xz' ? 'xz-utils' : program}, or push with --decompress=false`,
      })
    })
  })
})
