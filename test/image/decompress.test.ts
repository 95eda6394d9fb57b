import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decompressInitrd, decompressKernel } from '../../src/image/decompress.ts'
import { needs } from '../helpers/needs.ts'
import { makeArchive, makeFancyGzip, readArchives } from './archives.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { decompress } from './reading.ts'

const zeros = (size: number) => Buffer.alloc(size)
const join4 = (...parts: Buffer[]) => {
  let all = zeros(0)
  for (const part of parts) all = Buffer.concat([all, zeros((4 - (all.length % 4)) % 4), part])
  return all
}
const one = makeArchive({ one: 'first' })
const two = makeArchive({ 'kernel/two': 'second', three: '' })
const noise = Buffer.concat([Buffer.from('noise'), randomBytes(9_995)])
const hole = gzipSync(Buffer.concat([makeArchive({ hole: zeros(5_000_000) })]))

const unknown = (offset: number, what: string) =>
  `"demo-initrd.img" cannot be decompressed: the part at offset ${offset} is ${what}`

const refused = (offset: number, what: string) =>
  `"demo-initrd.img" is not an initrd that the kernel can unpack: at offset ${offset}, it has ${what}`

describe('decompressInitrd', () => {
  test.each<[string, Buffer, Buffer]>([
    ['gzip', gzipSync(one), one],
    ['gzip stored', gzipSync(one, { level: 0 }), one],
    ['gzip and zeros', Buffer.concat([gzipSync(one), zeros(700)]), one],
    ['microcode and gzip', Buffer.concat([one, zeros(388), gzipSync(two)]), Buffer.concat([one, zeros(388), two])],
    ['microcode, odd zeros, gzip', Buffer.concat([one, zeros(1), gzipSync(two)]), Buffer.concat([one, zeros(4), two])],
    ['members', Buffer.concat([gzipSync(one), gzipSync(two), gzipSync(one)]), join4(one, two, one)],
    ['gzip, zeros, gzip', Buffer.concat([gzipSync(one), zeros(3), gzipSync(two)]), join4(one, two)],
    ['gzip, cpio', join4(gzipSync(one), two), join4(one, two)],
    [
      'gzip, zeros, cpio, gzip',
      Buffer.concat([join4(gzipSync(one), zeros(8), two), gzipSync(one)]),
      join4(one, two, one),
    ],
    [
      'a member with odd padding',
      Buffer.concat([gzipSync(Buffer.concat([one, zeros(1)])), gzipSync(two)]),
      Buffer.concat([one, zeros(4), two]),
    ],
    [
      'an archive without trailer, then cpio',
      join4(gzipSync(one.subarray(0, one.length - 124)), two),
      Buffer.concat([one.subarray(0, one.length - 124), two]),
    ],
    ['a file system', Buffer.concat([gzipSync('abc'), zeros(5)]), Buffer.from('abc')],
    ['an empty member', Buffer.concat([gzipSync(''), gzipSync(one)]), one],
    ['a large hole', hole, gunzipSync(hole)],
    ['leading zeros and gzip', Buffer.concat([zeros(6), gzipSync(one)]), Buffer.concat([zeros(8), one])],
  ])('%s', async (_, content, expected) => {
    for (const sizes of [[2 ** 20], [1000], [3, 1, 7]]) {
      const result = await decompress(decompressInitrd, content, sizes)
      expect([result.content.equals(expected), result.decompressed]).toEqual([true, true])
    }
  })

  test.each<[string, Buffer]>([
    ['noise', noise],
    ['a zero and noise', Buffer.concat([zeros(5), noise])],
    ['cpio', Buffer.concat([one, zeros(100), two, zeros(3)])],
    ['cpio without trailer', one.subarray(0, one.length - 124)],
    ['zeros', zeros(100)],
    ['one byte', Buffer.from('x')],
  ])('%s is passed through unchanged', async (_, content) => {
    expect(await decompress(decompressInitrd, content, [100, 1])).toEqual({ content, decompressed: false })
  })

  test.each<[string, Buffer, string]>([
    [
      'lz4 in frames',
      Buffer.from('\x04\x22\x4d\x18', 'latin1'),
      refused(0, 'an lz4 frame, which is not the legacy format'),
    ],
    ['xz with CRC64', Buffer.from('\xfd7zXZ\0\0\x04', 'latin1'), refused(0, 'xz data with a check other than CRC32')],
    [
      'gzip with every header field',
      makeFancyGzip(one),
      refused(0, 'gzip data whose header contains more than a name'),
    ],
    [
      'an archive split between members',
      Buffer.concat([gzipSync(two.subarray(0, 50)), gzipSync(two.subarray(50))]),
      refused(0, 'gzip data that contains no cpio archive'),
    ],
    [
      'members that are not archives',
      Buffer.concat([gzipSync('abc'), gzipSync('def')]),
      refused(0, 'gzip data that contains no cpio archive'),
    ],
    [
      'junk within gzip',
      gzipSync(Buffer.concat([one, Buffer.from('junk')])),
      refused(0, 'gzip data that contains more than cpio archives'),
    ],
    [
      'an archive within gzip off the multiples of four',
      gzipSync(Buffer.concat([one, zeros(1), two])),
      refused(0, 'gzip data that contains more than cpio archives'),
    ],
    [
      'an archive off the multiples of four',
      Buffer.concat([one, zeros(1), two]),
      refused(one.length + 1, 'a cpio archive, but the offset is not a multiple of four'),
    ],
    ['the old cpio', makeArchive({ a: '' }, '070707'), refused(0, 'a cpio archive in the old format')],
    [
      'garbage after gzip',
      Buffer.concat([gzipSync(one), zeros(2), Buffer.from('x')]),
      unknown(gzipSync(one).length + 2, 'neither a cpio archive nor compressed in a known format'),
    ],
    [
      'the old cpio after cpio',
      Buffer.concat([one, makeArchive({ a: '' }, '070707')]),
      `"demo-initrd.img" is damaged: before offset ${one.length + 110}, a cpio archive has no entry where one should begin`,
    ],
    [
      'truncated cpio',
      Buffer.concat([one, two.subarray(0, 150)]),
      `"demo-initrd.img" is damaged: before offset ${one.length + 150}, a cpio archive ends too early`,
    ],
    [
      'cpio after a truncated member',
      Buffer.concat([gzipSync(two.subarray(0, 150)), one]),
      refused(0, 'gzip data that ends within an entry of a cpio archive'),
    ],
  ])('%s is refused', async (_, content, message) => {
    await expect(decompress(decompressInitrd, content, [50])).rejects.toMatchObject({ name: 'ImageError', message })
  })

  test('yields what the kernel would unpack, for any parts and any chunks', async () => {
    const file = fc.tuple(fc.stringMatching(/^[a-z/]{1,20}$/), fc.uint8Array({ maxLength: 300 }))
    const files = fc
      .array(file, { maxLength: 4 })
      .map((all) => Object.fromEntries(all.map(([k, v]) => [k, Buffer.from(v)])))
    const part = fc.record({
      files,
      kind: fc.constantFrom('cpio', 'gzip', 'stored'),
      inside: fc.nat({ max: 9 }),
      behind: fc.nat({ max: 9 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        async (parts, sizes) => {
          const bytes = parts.flatMap(({ files: content, kind, inside, behind }) => {
            const archive = Buffer.concat([makeArchive(content), zeros(inside)])
            const packed = {
              cpio: archive,
              gzip: gzipSync(archive),
              stored: gzipSync(archive, { level: 0 }),
            }
            return [packed[kind], zeros(kind === 'gzip' ? behind : behind * 4)]
          })
          const expected = parts.flatMap(({ files: content }) => readArchives(makeArchive(content)))
          const result = await decompress(decompressInitrd, join4(...bytes), sizes)
          expect(readArchives(result.content)).toEqual(expected)
          expect(result.decompressed).toBe(parts.some(({ kind }) => kind !== 'cpio'))
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('decompressKernel', () => {
  test.each<[string, Buffer, Buffer]>([
    ['gzip', gzipSync(noise), noise],
    [
      'members',
      Buffer.concat([gzipSync(noise), gzipSync('b'), gzipSync('')]),
      Buffer.concat([noise, Buffer.from('b')]),
    ],
    ['gzip and zeros', Buffer.concat([gzipSync(noise), zeros(2000)]), noise],
    ['sync flushes', gzipSync(noise, { finishFlush: constants.Z_FINISH, chunkSize: 64, memLevel: 1 }), noise],
  ])('%s', async (_, content, expected) => {
    for (const sizes of [[2 ** 20], [1], [content.length - 8, 8]]) {
      expect(await decompress(decompressKernel, content, sizes)).toEqual({ content: expected, decompressed: true })
    }
  })

  test.each([noise, one, zeros(10), Buffer.from([0x1f])])(
    'data that is not gzip is passed through unchanged',
    async (content) => {
      expect(await decompress(decompressKernel, content)).toEqual({ content, decompressed: false })
    },
  )

  test('refuses files that it would damage', async () => {
    const gzipped = gzipSync(noise)
    await expect(decompress(decompressKernel, Buffer.concat([gzipped, Buffer.from('dtb')]))).rejects.toMatchObject({
      name: 'ImageError',
      message: `"demo-initrd.img" cannot be decompressed: the part at offset ${gzipped.length} is neither a cpio archive nor compressed in a known format`,
    })
  })
})

const by =
  (program: string, ...args: string[]) =>
  (input: Buffer) =>
    execFileSync(program, args, { input })

// The result of each with the kernel of Debian 12 in QEMU.
describe('parts that external programs unpack', needs('zstd', 'xz', 'bzip2', 'lz4', 'lzop'), () => {
  const zstd = by('zstd', '-q', '-c')
  const xz = by('xz', '--check=crc32', '-c')
  const blocks = by('xz', '--check=crc32', '-T2', '--block-size=64KiB', '-c')
  const large = makeArchive({ large: Buffer.concat([randomBytes(200_000), zeros(300_000)]) })

  test.each<[string, Buffer, Buffer]>([
    ['gzip, xz, zstd, cpio', join4(gzipSync(one), xz(two), zstd(one), two), join4(one, two, one, two)],
    ['not aligned', Buffer.concat([gzipSync(one), xz(two), zstd(one), gzipSync(two)]), join4(one, two, one, two)],
    [
      'odd zeros',
      Buffer.concat([zstd(one), zeros(3), zstd(two), zeros(1), xz(one), zeros(7), gzipSync(two)]),
      join4(one, two, one, two),
    ],
    ['xz of several blocks', Buffer.concat([blocks(large), zstd(one)]), join4(large, one)],
    ['zstd of several blocks', Buffer.concat([zstd(large), xz(one)]), join4(large, one)],
    ['xz within zstd within an archive', zstd(makeArchive({ x: xz(large) })), makeArchive({ x: xz(large) })],
    ['bzip2', Buffer.concat([gzipSync(one), by('bzip2', '-c')(two)]), join4(one, two)],
    ['lzma', by('xz', '--format=lzma', '-c')(two), two],
    ['lz4', by('lz4', '-l', '-c', '-q')(two), two],
  ])('%s', async (_, content, expected) => {
    for (const sizes of [[2 ** 20], [1000, 3]]) {
      const result = await decompress(decompressInitrd, content, sizes)
      expect([result.content.equals(expected), result.decompressed]).toEqual([true, true])
    }
  })

  const [lz4, bzip2, lzop] = [by('lz4', '-l', '-c', '-q'), by('bzip2', '-c'), by('lzop', '-c')]
  const lzma = by('xz', '--format=lzma', '--lzma1=dict=4KiB', '-c')

  test.each<[string, Buffer, Buffer]>([
    ['bzip2, gzip', Buffer.concat([bzip2(large), gzipSync(two)]), join4(large, two)],
    ['bzip2, bzip2, zeros', Buffer.concat([bzip2(one), bzip2(large), zeros(512)]), join4(one, large)],
    ['lz4, zeros, lz4, zeros, xz', join4(lz4(large), zeros(8), lz4(one), zeros(4), xz(two)), join4(large, one, two)],
    ['lz4, lz4', Buffer.concat([lz4(large), lz4(one)]), join4(large, one)],
    ['lzo, lzo, zeros, cpio', join4(lzop(large), lzop(two), zeros(4), one), join4(large, two, one)],
    ['cpio, lzma with a small dictionary, zeros', Buffer.concat([one, lzma(two), zeros(512)]), join4(one, two)],
  ])('%s: each part ends where its format says', async (_, content, expected) => {
    for (const sizes of [[2 ** 20], [1000, 3]]) {
      const result = await decompress(decompressInitrd, content, sizes)
      expect([result.content.equals(expected), result.decompressed]).toEqual([true, true])
    }
  })

  test('bzip2 streams end at any bit', async () => {
    // Archives of many sizes, so that the end mark starts at each of the eight bit positions.
    for (let size = 0; size < 24; size++) {
      const archive = makeArchive({ x: randomBytes(size * 7) })
      const result = await decompress(decompressInitrd, Buffer.concat([bzip2(archive), gzipSync(two)]), [37, 5])
      expect(result.content.equals(join4(archive, two))).toBe(true)
    }
  })

  test(
    'any damage to a header or the data after it is an ImageError, without delay',
    { timeout: 120_000 },
    async () => {
      const streams = [gzipSync(one), zstd(one), xz(one), lzma(one), bzip2(one), lz4(one), lzop(one), one]
      const spoiled = fc.record({
        stream: fc.constantFrom(...streams),
        // Half of the changes are in the first 40 bytes, where the headers are.
        changes: fc.array(fc.tuple(fc.oneof(fc.nat({ max: 39 }), fc.nat({ max: 400 })), fc.nat({ max: 255 })), {
          maxLength: 3,
        }),
        keep: fc.nat({ max: 500 }),
        before: fc.constantFrom(zeros(0), one, gzipSync(two)),
      })
      await fc.assert(
        fc.asyncProperty(spoiled, async ({ stream, changes, keep, before }) => {
          const bytes = Buffer.from(stream)
          // The magic number of the format stays.
          for (const [at, value] of changes) if (at >= 6 && at < bytes.length) bytes[at] = value
          const content = join4(before, bytes.subarray(0, Math.max(6, keep)))
          for (const format of [decompressInitrd, decompressKernel]) {
            const startMs = performance.now()
            const result = await decompress(format, content, [64, 7]).catch((error: unknown) => error)
            if (result instanceof Error) expect(result).toMatchObject({ name: 'ImageError' })
            expect(performance.now() - startMs).toBeLessThan(10_000)
          }
        }),
        { numRuns: 150, seed: 13 },
      )
    },
  )
})

describe('made by real programs', needs('cpio', 'gzip', 'pigz'), () => {
  test.each([
    ['cat u; gzip -9 < i', 'cat u i'],
    ['cat u; gzip -1 < i; gzip < u', 'cat u i u'],
    ['cat u; pigz -p 4 -b 128 < i', 'cat u i'],
    [
      'pigz --independent -b 128 < i > g; cat g; head -c $(((4 - $(wc -c < g) % 4) % 4)) /dev/zero; cat u; pigz -11 -p 1 < i',
      'cat i u i',
    ],
    ['gzip < i; head -c 512 /dev/zero; gzip < u', 'cat i u'],
  ])('%s', async (command, expected) => {
    const folder = makeTestFolder()
    await writeFile(join(folder, 'microcode'), randomBytes(70_001))
    await writeFile(join(folder, 'init'), 'x'.repeat(400_000))
    const archives = 'echo microcode | cpio -o -H newc > u; echo init | cpio -o -H newc > i;'
    const inShell = (script: string) =>
      execFileSync('sh', ['-ec', archives + script], {
        cwd: folder,
        maxBuffer: 2 ** 24,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    const { content } = await decompress(decompressInitrd, inShell(command))
    expect(content.equals(inShell(expected))).toBe(true)

    const unpacked = makeTestFolder()
    await writeFile(join(folder, 'result'), content)
    execFileSync('cpio', ['-id', '--quiet', '-F', join(folder, 'result')], { cwd: unpacked })
    const first = expected.startsWith('cat u') ? 'microcode' : 'init'
    expect(await readdir(unpacked)).toEqual([first])
    const [got, made] = [await readFile(join(unpacked, first)), await readFile(join(folder, first))]
    expect(got.equals(made)).toBe(true)
  })
})
