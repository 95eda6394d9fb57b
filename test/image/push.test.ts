import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Image, loadImage } from '../../src/image/image.ts'
import { pushImage, type PushOptions } from '../../src/image/push.ts'
import { makeArchive } from './archives.ts'
import { makeFolder } from './folder.ts'
import { arm64Image } from './kernels.ts'

const archive = makeArchive({ init: randomBytes(3_000_000) })
let folder = ''
let destination = ''
let image: Image

beforeEach(async () => {
  folder = await makeFolder()
  destination = join(folder, 'new/out')
  await writeFile(join(folder, 'linuxkit-kernel'), gzipSync(arm64Image))
  await writeFile(join(folder, 'linuxkit-initrd.img'), gzipSync(archive))
  await writeFile(join(folder, 'linuxkit-cmdline'), 'quiet')
  image = await loadImage(join(folder, 'linuxkit'))
})

const push = (options: Partial<PushOptions> = {}) =>
  pushImage(image, {
    destination,
    decompress: true,
    script: { name: 'linuxkit-equinixmetal.ipxe', text: '#!ipxe\nboot' },
    signal: new AbortController().signal,
    ...options,
  })
const all = ['linuxkit-equinixmetal.ipxe', 'linuxkit-initrd.img', 'linuxkit-kernel']

describe('pushImage', () => {
  it('writes decompressed files', async () => {
    expect(await push()).toEqual([
      { name: 'linuxkit-kernel', sizeBytes: arm64Image.length, decompressed: true },
      { name: 'linuxkit-initrd.img', sizeBytes: archive.length, decompressed: true },
      { name: 'linuxkit-equinixmetal.ipxe', sizeBytes: 11, decompressed: false },
    ])
    expect(await readdir(destination)).toEqual(all)
    expect((await readFile(join(destination, 'linuxkit-kernel'))).equals(arm64Image)).toBe(true)
    expect((await readFile(join(destination, 'linuxkit-initrd.img'))).equals(archive)).toBe(true)
    expect(await readFile(join(destination, 'linuxkit-equinixmetal.ipxe'), 'utf8')).toBe('#!ipxe\nboot')
  })

  it('copies files as they are, readable for a server though the image is private', async () => {
    await chmod(image.kernel.path, 0o600)
    const files = await push({ decompress: false })
    expect(files.map((file) => file.decompressed)).toEqual([false, false, false])
    for (const { path } of [image.kernel, image.initrd]) {
      const copy = join(destination, path.slice(folder.length))
      expect((await readFile(copy)).equals(await readFile(path))).toBe(true)
      expect((await stat(copy)).mode & 0o777).toBe(
        (await stat(join(destination, 'linuxkit-equinixmetal.ipxe'))).mode & 0o777,
      )
    }
  })

  it.each([false, true])('replaces what stands there, the image itself too (decompress %s)', async (decompress) => {
    const kernel = await readFile(image.kernel.path)
    await push({ destination: folder, decompress })
    await push({ destination: folder, decompress })
    const expected = decompress ? arm64Image : kernel
    expect((await readFile(image.kernel.path)).equals(expected)).toBe(true)
    expect(await readdir(folder)).toEqual(['linuxkit-cmdline', ...all])
  })

  it('copies 10000 bytes that are no gzip whole', async () => {
    const bytes = Buffer.concat([Buffer.from('x'), randomBytes(9_999)])
    await writeFile(image.kernel.path, bytes)
    await writeFile(image.initrd.path, bytes)
    expect((await push()).map((file) => file.decompressed)).toEqual([false, false, false])
    expect((await readFile(join(destination, 'linuxkit-kernel'))).equals(bytes)).toBe(true)
    expect((await readFile(join(destination, 'linuxkit-initrd.img'))).equals(bytes)).toBe(true)
  })
})

describe('pushImage leaves nothing half-written', () => {
  it.each([
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

  it.each([false, true])('aborted before it starts (decompress %s)', async (decompress) => {
    const reason = new Error('stop')
    await expect(push({ decompress, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await readdir(destination)).toEqual([])
  })

  it('aborted on the way', async () => {
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

  it('a file where the folder should be', async () => {
    await writeFile(join(folder, 'new'), '')
    await expect(push()).rejects.toMatchObject({
      name: 'ImageError',
      message: `"${destination}" cannot be written (ENOTDIR)`,
      hint: 'a file is in the way of a folder',
    })
  })

  it('a folder where a file should be', async () => {
    await mkdir(join(destination, 'linuxkit-kernel'), { recursive: true })
    await expect(push()).rejects.toMatchObject({
      name: 'ImageError',
      message: `"${destination}/linuxkit-kernel" cannot be written (EISDIR)`,
      hint: 'a folder of that name is in the way',
    })
    expect(await readdir(destination)).toEqual(['linuxkit-kernel'])
  })

  it('a destination that takes no files', async () => {
    await expect(push({ destination: '/proc/self' })).rejects.toMatchObject({
      name: 'ImageError',
      message: '"/proc/self/linuxkit-kernel" cannot be written (ENOENT)',
    })
  })
})
