import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decompressInitrd, decompressKernel } from '../../src/image/decompress.ts'
import { needs } from '../helpers/needs.ts'
import { makeArchive, makeFancyGzip, readArchives } from './archives.ts'
import { makeFolder } from './folder.ts'
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
  `"demo-initrd.img" cannot be decompressed: at offset ${offset} begins a part that is ${what}`

const lz4 = Buffer.from('\x02\x21\x4c\x18 rest', 'latin1')

describe('decompressInitrd', () => {
  it.each<[string, Buffer, Buffer]>([
    ['gzip', gzipSync(one), one],
    ['gzip with every header field', makeFancyGzip(one), one],
    ['gzip stored', gzipSync(one, { level: 0 }), one],
    ['gzip and zeros', Buffer.concat([gzipSync(one), zeros(700)]), one],
    ['microcode and gzip', Buffer.concat([one, zeros(388), gzipSync(two)]), Buffer.concat([one, zeros(388), two])],
    ['microcode, odd zeros, gzip', Buffer.concat([one, zeros(1), gzipSync(two)]), Buffer.concat([one, zeros(4), two])],
    ['members', Buffer.concat([gzipSync(one), gzipSync(two), gzipSync(one)]), join4(one, two, one)],
    ['gzip, zeros, gzip', Buffer.concat([gzipSync(one), zeros(3), gzipSync(two)]), join4(one, two)],
    ['gzip, cpio', Buffer.concat([gzipSync(one), two]), join4(one, two)],
    ['gzip, zeros, cpio, gzip', Buffer.concat([gzipSync(one), zeros(9), two, gzipSync(one)]), join4(one, two, one)],
    [
      'a member that is padded oddly',
      Buffer.concat([gzipSync(Buffer.concat([one, zeros(1)])), gzipSync(two)]),
      Buffer.concat([one, zeros(4), two]),
    ],
    [
      'an archive split between members',
      Buffer.concat([gzipSync(two.subarray(0, 37)), gzipSync(two.subarray(37))]),
      two,
    ],
    [
      'an archive without trailer, then cpio',
      Buffer.concat([gzipSync(one.subarray(0, one.length - 124)), two]),
      Buffer.concat([one.subarray(0, one.length - 124), two]),
    ],
    ['members that are no archive', Buffer.concat([gzipSync('abc'), gzipSync('def')]), Buffer.from('abcdef')],
    ['an empty member', Buffer.concat([gzipSync(''), gzipSync(one)]), one],
    ['a large hole', hole, gunzipSync(hole)],
    ['leading zeros and gzip', Buffer.concat([zeros(6), gzipSync(one)]), Buffer.concat([zeros(8), one])],
  ])('%s', async (_, content, expected) => {
    for (const sizes of [[2 ** 20], [1000], [3, 1, 7]]) {
      const result = await decompress(decompressInitrd, content, sizes)
      expect([result.content.equals(expected), result.decompressed]).toEqual([true, true])
    }
  })

  it.each<[string, Buffer]>([
    ['noise', noise],
    ['a zero and noise', Buffer.concat([zeros(5), noise])],
    ['cpio', Buffer.concat([one, zeros(100), two, zeros(3)])],
    ['cpio without trailer', one.subarray(0, one.length - 124)],
    ['zeros', zeros(100)],
    ['one byte', Buffer.from('x')],
    ['lz4 and then gzip', Buffer.concat([lz4, gzipSync(one)])],
  ])('%s comes as it is', async (_, content) => {
    expect(await decompress(decompressInitrd, content, [100, 1])).toEqual({ content, decompressed: false })
  })

  it.each<[string, Buffer, string]>([
    ['lz4 behind microcode', Buffer.concat([one, zeros(4), lz4]), unknown(one.length + 4, 'lz4')],
    [
      'bzip2 behind gzip',
      Buffer.concat([gzipSync(one), Buffer.from('BZh91AY', 'latin1')]),
      unknown(gzipSync(one).length, 'bzip2'),
    ],
    [
      'garbage behind gzip',
      Buffer.concat([gzipSync(one), zeros(2), Buffer.from('x')]),
      unknown(gzipSync(one).length + 2, 'neither gzip nor cpio'),
    ],
    [
      'the old cpio behind cpio',
      Buffer.concat([one, makeArchive({ a: '' }, '070707')]),
      `"demo-initrd.img" is damaged: before offset ${one.length + 110}, a cpio archive has no entry where one should begin`,
    ],
    [
      'cpio cut off',
      Buffer.concat([one, two.subarray(0, 150)]),
      `"demo-initrd.img" is damaged: before offset ${one.length + 150}, a cpio archive ends too early`,
    ],
    [
      'cpio behind a member that is cut off',
      Buffer.concat([gzipSync(two.subarray(0, 150)), one]),
      `"demo-initrd.img" is damaged: before offset ${gzipSync(two.subarray(0, 150)).length}, a cpio archive ends too early`,
    ],
  ])('%s is refused', async (_, content, message) => {
    await expect(decompress(decompressInitrd, content, [50])).rejects.toMatchObject({ name: 'ImageError', message })
  })

  it('gives what the kernel would unpack, whatever the parts are and however they are read', async () => {
    const file = fc.tuple(fc.stringMatching(/^[a-z/]{1,20}$/), fc.uint8Array({ maxLength: 300 }))
    const files = fc
      .array(file, { maxLength: 4 })
      .map((all) => Object.fromEntries(all.map(([k, v]) => [k, Buffer.from(v)])))
    const part = fc.record({
      files,
      kind: fc.constantFrom('cpio', 'gzip', 'fancy', 'stored'),
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
              fancy: makeFancyGzip(archive),
              stored: gzipSync(archive, { level: 0 }),
            }
            return [packed[kind], zeros(behind)]
          })
          const expected = parts.flatMap(({ files: content }) => readArchives(makeArchive(content)))
          const result = await decompress(decompressInitrd, Buffer.concat(bytes), sizes)
          expect(readArchives(result.content)).toEqual(expected)
          expect(result.decompressed).toBe(parts.some(({ kind }) => kind !== 'cpio'))
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('decompressKernel', () => {
  it.each<[string, Buffer, Buffer]>([
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

  it.each([noise, one, zeros(10), Buffer.from([0x1f])])('what is no gzip comes as it is', async (content) => {
    expect(await decompress(decompressKernel, content)).toEqual({ content, decompressed: false })
  })

  it('refuses what it would lose', async () => {
    const gzipped = gzipSync(noise)
    await expect(decompress(decompressKernel, Buffer.concat([gzipped, Buffer.from('dtb')]))).rejects.toMatchObject({
      name: 'ImageError',
      message: `"demo-initrd.img" cannot be decompressed: at offset ${gzipped.length} begins a part that is neither gzip nor cpio`,
    })
  })
})

describe('made by real programs', needs('cpio', 'gzip', 'pigz'), () => {
  it.each([
    ['cat u; gzip -9 < i', 'cat u i'],
    ['cat u; gzip -1 < i; gzip < u', 'cat u i u'],
    ['cat u; pigz -p 4 -b 128 < i', 'cat u i'],
    ['pigz --independent -b 128 < i; cat u; pigz -11 -p 1 < i', 'cat i u i'],
    ['gzip < i; head -c 512 /dev/zero; gzip < u', 'cat i u'],
  ])('%s', async (command, expected) => {
    const folder = await makeFolder()
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

    const unpacked = await makeFolder()
    await writeFile(join(folder, 'result'), content)
    execFileSync('cpio', ['-id', '--quiet', '-F', join(folder, 'result')], { cwd: unpacked })
    const first = expected.startsWith('cat u') ? 'microcode' : 'init'
    expect(await readdir(unpacked)).toEqual([first])
    const [got, made] = [await readFile(join(unpacked, first)), await readFile(join(folder, first))]
    expect(got.equals(made)).toBe(true)
  })
})
