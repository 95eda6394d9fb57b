import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readKernelHead } from '../../src/image/kernel.ts'
import { detectKernel } from '../../src/kernel-format.ts'
import { arm64Image, bzImage, zbootImage } from './kernels.ts'
import { makeTestFolder } from '../helpers/folder.ts'

describe('detectKernel', () => {
  test.each([
    ['a bzImage', bzImage, 'x86_64'],
    ['an arm64 Image', arm64Image, 'aarch64'],
    ['a zboot kernel for arm64', zbootImage('\x64\xaa'), 'aarch64'],
    ['a zboot kernel for RISC-V', zbootImage('\x64\x50'), undefined],
    ['a zboot kernel whose header points outside', Buffer.concat([zbootImage('').subarray(0, 0x80)]), undefined],
    ['a boot sector', Buffer.concat([Buffer.alloc(0x1fe), Buffer.from('\x55\xaa', 'latin1')]), undefined],
    ['a truncated bzImage', bzImage.subarray(0, 0x204), undefined],
    ['text', Buffer.from('kernel'), undefined],
    ['nothing', Buffer.alloc(0), undefined],
  ])('%s', (_, head, expected) => {
    expect(detectKernel(head)).toBe(expected)
  })
})

const read = async (content: Buffer) => {
  const path = join(makeTestFolder(), 'demo-kernel')
  await writeFile(path, content)
  const { head, compression } = await readKernelHead(path)
  return [detectKernel(head), compression]
}

describe('readKernelHead', () => {
  const gzipped = gzipSync(arm64Image)

  test.each([
    ['an uncompressed kernel', bzImage, ['x86_64', undefined]],
    ['a gzip kernel', gzipped, ['aarch64', 'gzip']],
    ['a damaged gzip kernel', Buffer.concat([gzipped.subarray(0, 10), Buffer.alloc(500, 0xff)]), [undefined, 'gzip']],
    ['a gzip kernel truncated at the start', gzipped.subarray(0, 8), [undefined, 'gzip']],
    ['two bytes', Buffer.from([0x1f, 0x8b]), [undefined, 'gzip']],
  ])('%s', async (_, content, expected) => {
    expect(await read(content)).toEqual(expected)
  })
})
