import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decompressInitrd, decompressKernel } from '../../src/image/decompress.ts'
import { makeFancyGzip } from './archives.ts'
import { decompress } from './reading.ts'

const noise = randomBytes(10_000)

describe('damaged gzip', () => {
  const content = gzipSync(noise)
  const flip = (at: number) => {
    const copy = Buffer.from(content)
    const index = at < 0 ? copy.length + at : at
    copy.writeUInt8(copy.readUInt8(index) ^ 0x55, index)
    return copy
  }
  const damaged = /^"demo-initrd.img" is damaged: in the gzip data at offset 0, .+$/
  const truncated = '"demo-initrd.img" is truncated: the gzip data at offset 0 ends too early'

  test.each([2, 5, 9, 10, 11, 100, 5000, content.length - 9, content.length - 8, content.length - 1])(
    'cut at %i',
    async (at) => {
      for (const format of [decompressInitrd, decompressKernel]) {
        await expect(decompress(format, content.subarray(0, at))).rejects.toMatchObject({ message: truncated })
      }
    },
  )

  test.each<[string, Buffer, RegExp]>([
    ['checksum', flip(-8), /its checksum does not match/],
    ['length', flip(-1), /its length does not match/],
    ['method', flip(2), /its compression method is 93/],
    ['reserved flags', Buffer.from([0x1f, 0x8b, 8, 0x80, 0, 0, 0, 0, 0, 0]), /its header has unknown flags/],
    [
      'header checksum',
      Buffer.concat([makeFancyGzip(noise).fill(0, 10 + 2 + 5 + 20, 10 + 2 + 5 + 22)]),
      /the checksum of its header does not match/,
    ],
    ['data', Buffer.concat([content.subarray(0, 10), Buffer.alloc(100, 0xff)]), /zlib says invalid block type/],
    ['garbage as second member', Buffer.concat([content, Buffer.from([0x1f, 0x8b, 1])]), /truncated/],
  ])('%s', async (_, bytes, message) => {
    await expect(decompress(decompressKernel, bytes)).rejects.toMatchObject({
      name: 'ImageError',
      message: expect.stringMatching(message),
    })
    if (message.source.startsWith('its'))
      await expect(decompress(decompressInitrd, bytes)).rejects.toMatchObject({
        message: expect.stringMatching(damaged),
      })
  })
})
