// The files of an image that machines fetch: its kernel and its initrd, unchanged or decompressed.
import { basename } from 'node:path'
import { ByteReader } from './byte-reader.ts'
import { decompressInitrd, decompressKernel, type Outcome } from './decompress.ts'
import type { Image } from './image.ts'

/** A file of an image; size in bytes. */
export interface ImageContent {
  name: string
  path: string
  size: number
  /** Decompresses the bytes of the file; absent if they are to stay unchanged. */
  convert?: (bytes: AsyncIterable<Buffer>, outcome: Outcome) => AsyncIterable<Buffer>
}

/** The files of an image that machines fetch. */
export function contentsOf({ kernel, initrd }: Image, { decompress }: { decompress: boolean }): ImageContent[] {
  const formats = [
    [kernel, decompressKernel],
    [initrd, decompressInitrd],
  ] as const
  return formats.map(([{ path, size }, format]) => ({
    name: basename(path),
    path,
    size,
    ...(decompress ? { convert: (bytes, outcome) => read(format, path, bytes, outcome) } : {}),
  }))
}

async function* read(
  format: typeof decompressKernel,
  path: string,
  bytes: AsyncIterable<Buffer>,
  outcome: Outcome,
): AsyncGenerator<Buffer, void, undefined> {
  await using reader = new ByteReader(path, bytes)
  yield* format(reader, outcome)
}
