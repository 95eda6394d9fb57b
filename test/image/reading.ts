// Decompression of bytes in memory, read in chunks of chosen sizes.
import { ByteReader } from '../../src/image/byte-reader.ts'
import type { decompressInitrd } from '../../src/image/decompress.ts'

type Format = typeof decompressInitrd

async function* split(content: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < content.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    yield content.subarray(at, at + size)
    at += size
  }
}

/** The result of a format for the content, and whether it decompressed any of it. */
export async function decompress(format: Format, content: Buffer, sizes: readonly number[] = [2 ** 20]) {
  const outcome = { decompressed: false }
  const chunks: Buffer[] = []
  for await (const chunk of format(new ByteReader('demo-initrd.img', split(content, sizes)), outcome))
    chunks.push(chunk)
  return { content: Buffer.concat(chunks), ...outcome }
}
