import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { contentsOf } from '../../src/image/content.ts'
import { type Image, loadImage } from '../../src/image/image.ts'
import { FolderStore } from '../../src/publish/folder.ts'
import { publishImage, type PublishOptions } from '../../src/publish/publish.ts'
import { makeArchive } from '../image/archives.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { arm64Image } from '../image/kernels.ts'

const archive = makeArchive({ init: randomBytes(3_000_000) })
let folder = ''
let destination = ''
let image: Image

beforeEach(async () => {
  folder = makeTestFolder()
  destination = join(folder, 'new/out')
  await writeFile(join(folder, 'linuxkit-kernel'), gzipSync(arm64Image))
  await writeFile(join(folder, 'linuxkit-initrd.img'), gzipSync(archive))
  await writeFile(join(folder, 'linuxkit-cmdline'), 'quiet')
  image = await loadImage(join(folder, 'linuxkit'))
})

const push = ({
  to = destination,
  decompress = true,
  ...options
}: { to?: string; decompress?: boolean } & Partial<PublishOptions> = {}) =>
  publishImage(new FolderStore(to), {
    image: { name: 'linuxkit', arch: 'aarch64', cmdline: image.cmdline },
    sources: contentsOf(image, { decompress }),
    script: { name: 'linuxkit-equinixmetal.ipxe', text: '#!ipxe\nboot' },
    dryRun: false,
    now: new Date(0),
    signal: new AbortController().signal,
    ...options,
  })
async function overwrite(name: string): Promise<void> {
  const path = join(destination, name)
  await writeFile(path, Buffer.alloc((await stat(path)).size, 'x'))
}
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const all = ['linuxkit-equinixmetal.ipxe', 'linuxkit-initrd.img', 'linuxkit-kernel', 'linuxkit.json']

describe('publishImage', () => {
  test('writes decompressed files', async () => {
    expect(await push()).toEqual([
      { name: 'linuxkit-kernel', size: arm64Image.length, unchanged: false, decompressed: true },
      { name: 'linuxkit-initrd.img', size: archive.length, unchanged: false, decompressed: true },
      { name: 'linuxkit.json', size: expect.any(Number), unchanged: false, decompressed: false },
      { name: 'linuxkit-equinixmetal.ipxe', size: 11, unchanged: false, decompressed: false },
    ])
    expect(await readdir(destination)).toEqual(all)
    expect((await readFile(join(destination, 'linuxkit-kernel'))).equals(arm64Image)).toBe(true)
    expect((await readFile(join(destination, 'linuxkit-initrd.img'))).equals(archive)).toBe(true)
    expect(await readFile(join(destination, 'linuxkit-equinixmetal.ipxe'), 'utf8')).toBe('#!ipxe\nboot')
  })

  test('copies files unchanged, and readable for a server even if the image is private', async () => {
    await chmod(image.kernel.path, 0o600)
    const files = await push({ decompress: false })
    expect(files.map((file) => file.decompressed)).toEqual([false, false, false, false])
    for (const { path } of [image.kernel, image.initrd]) {
      const copy = join(destination, path.slice(folder.length))
      expect((await readFile(copy)).equals(await readFile(path))).toBe(true)
      expect((await stat(copy)).mode & 0o777).toBe(
        (await stat(join(destination, 'linuxkit-equinixmetal.ipxe'))).mode & 0o777,
      )
    }
  })

  test.each([false, true])('replaces existing files, even the image itself (decompress %s)', async (decompress) => {
    const kernel = await readFile(image.kernel.path)
    await push({ to: folder, decompress })
    await push({ to: folder, decompress })
    const expected = decompress ? arm64Image : kernel
    expect((await readFile(image.kernel.path)).equals(expected)).toBe(true)
    expect(await readdir(folder)).toEqual(['linuxkit-cmdline', ...all])
  })

  test('copies 10000 bytes that are not gzip completely', async () => {
    const bytes = Buffer.concat([Buffer.from('x'), randomBytes(9_999)])
    await writeFile(image.kernel.path, bytes)
    await writeFile(image.initrd.path, bytes)
    expect((await push()).map((file) => file.decompressed)).toEqual([false, false, false, false])
    expect((await readFile(join(destination, 'linuxkit-kernel'))).equals(bytes)).toBe(true)
    expect((await readFile(join(destination, 'linuxkit-initrd.img'))).equals(bytes)).toBe(true)
  })
})

describe('publishImage leaves nothing half-written', () => {
  test.each([
    ['kernel', 'is truncated', (bytes: Buffer) => bytes.subarray(0, -4)],
    ['kernel', 'is truncated', (bytes: Buffer) => bytes.subarray(0, 40)],
    ['initrd', 'is truncated', (bytes: Buffer) => bytes.subarray(0, 2_000_000)],
    ['initrd', 'is damaged', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8)])],
  ] as const)('damaged %s: %s', async (which, why, spoil) => {
    const { path } = image[which]
    await writeFile(path, spoil(await readFile(path)))
    await mkdir(destination, { recursive: true })
    await writeFile(join(destination, 'linuxkit-kernel'), 'before')
    await expect(push()).rejects.toMatchObject({
      name: 'ImageError',
      message: expect.stringMatching(new RegExp(`^"${path}" ${why}`)),
    })
    expect(await readdir(destination)).toEqual(['linuxkit-kernel'])
    expect(await readFile(join(destination, 'linuxkit-kernel'), 'utf8')).toBe('before')
  })

  test.each([false, true])('if aborted before it starts (decompress %s)', async (decompress) => {
    const reason = new Error('stop')
    await expect(push({ decompress, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await readdir(folder)).not.toContain('new')
  })

  test('if aborted halfway', async () => {
    await writeFile(image.initrd.path, gzipSync(Buffer.alloc(500_000_000), { level: 1 }))
    const controller = new AbortController()
    const reason = new Error('stop')
    const pushing = push({ signal: controller.signal })
    while (!controller.signal.aborted) {
      const entries = await readdir(destination).catch((): string[] => [])
      const sizes = await Promise.all(entries.map(async (entry) => (await stat(join(destination, entry))).size))
      if (sizes.some((size) => size > 4_000_000)) controller.abort(reason)
    }
    await expect(pushing).rejects.toBe(reason)
    expect(await readdir(destination)).toEqual([])
  })

  test('if a file is where the folder should be', async () => {
    await writeFile(join(folder, 'new'), '')
    await expect(push()).rejects.toMatchObject({
      name: 'PublishError',
      message: `"${destination}" cannot be written: a part of the path is not a folder`,
      hint: 'a file is in the way of a folder',
    })
  })

  test('if a folder is where a file should be', async () => {
    await mkdir(join(destination, 'linuxkit-kernel'), { recursive: true })
    await expect(push()).rejects.toMatchObject({
      name: 'PublishError',
      message: `"${destination}/linuxkit-kernel" cannot be written: it is a folder`,
      hint: 'a folder with that name is in the way',
    })
    expect(await readdir(destination)).toEqual(['linuxkit-kernel'])
  })

  test('if the destination accepts no files', async () => {
    for (const [to, path] of [
      ['/proc/self', '/proc/self/linuxkit-kernel'],
      ['/proc/new', '/proc/new'],
    ] as const) {
      await expect(push({ to })).rejects.toMatchObject({
        name: 'PublishError',
        message: `"${path}" cannot be written: nothing can be created there`,
      })
    }
  })
})

describe('an unchanged file', () => {
  const written = async (options: Parameters<typeof push>[0] = {}) =>
    (await push({ now: new Date(), ...options })).filter(({ unchanged }) => !unchanged).map(({ name }) => name)
  const inodes = async () =>
    Object.fromEntries(await Promise.all(all.map(async (name) => [name, (await stat(join(destination, name))).ino])))
  const [script, initrd, kernel, manifest] = all

  test.each([false, true])('is skipped, and so is the manifest (decompress %s)', async (decompress) => {
    await push({ decompress })
    const before = await inodes()
    expect(await written({ decompress })).toEqual([])
    expect(await inodes()).toEqual(before)
  })

  test.each<[string, () => Promise<unknown>, Parameters<typeof push>[0], (string | undefined)[]]>([
    ['another kernel', () => writeFile(image.kernel.path, gzipSync(arm64Image, { level: 1 })), {}, [kernel, manifest]],
    ['a missing kernel', () => rm(join(destination, 'linuxkit-kernel')), {}, [kernel, manifest]],
    ['an initrd of the same size', () => overwrite('linuxkit-initrd.img'), {}, [initrd, manifest]],
    ['a script of the same size', () => overwrite('linuxkit-equinixmetal.ipxe'), {}, [manifest, script]],
    [
      'a broken manifest',
      () => writeFile(join(destination, 'linuxkit.json'), '{'),
      {},
      [kernel, initrd, manifest, script],
    ],
    ['no decompression', async () => {}, { decompress: false }, [kernel, initrd, manifest]],
    ['another script', async () => {}, { script: { name: script ?? '', text: 'x' } }, [manifest, script]],
    [
      'another architecture',
      async () => {},
      { image: { name: 'linuxkit', arch: 'x86_64', cmdline: 'quiet' } },
      [manifest],
    ],
  ])('%s', async (_, change, options, expected) => {
    await push()
    await change()
    image = await loadImage(join(folder, 'linuxkit'))
    const dry = await written({ ...options, dryRun: true })
    expect(dry).toEqual(expected)
    expect(await written(options)).toEqual(expected)
    expect(await written(options)).toEqual([])
  })
})

test('writes nothing in a dry run, and prints no size for decompressed files', async () => {
  const files = await push({ dryRun: true })
  expect(files.map(({ size }) => size)).toEqual([undefined, undefined, expect.any(Number), 11])
  const plain = await push({ dryRun: true, decompress: false })
  expect(plain.map(({ size }) => size).slice(0, 2)).toEqual([image.kernel.size, image.initrd.size])
  expect(await readdir(folder)).not.toContain('new')
})

test('writes a manifest that lists the files and their sources', async () => {
  await push()
  const entry = async (name: string) => {
    const [made, from] = [await readFile(join(destination, name)), await readFile(join(folder, name))]
    return {
      name,
      size: made.length,
      sha256: sha256(made),
      from: { size: from.length, sha256: sha256(from), decompress: true },
    }
  }
  expect(JSON.parse(await readFile(join(destination, 'linuxkit.json'), 'utf8'))).toEqual({
    version: 1,
    name: 'linuxkit',
    arch: 'aarch64',
    cmdline: 'quiet',
    made_at: '1970-01-01T00:00:00.000Z',
    files: [
      await entry('linuxkit-kernel'),
      await entry('linuxkit-initrd.img'),
      { name: 'linuxkit-equinixmetal.ipxe', size: 11, sha256: sha256(Buffer.from('#!ipxe\nboot')) },
    ],
  })
})
