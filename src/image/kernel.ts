// The first bytes of a kernel file, after decompression.
import { createReadStream, type ReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { kernelHeadBytes as headBytes } from '../kernel-format.ts'
import { ByteReader } from './byte-reader.ts'
import { isGzip } from './gzip.ts'
import { unpackerOf, unpackRest, type Unpacker } from './unpack.ts'

/** How a kernel file is compressed. */
export type Compression = 'gzip' | Unpacker

/** The first bytes of a kernel file after decompression; none if it cannot be decompressed. */
export async function readKernelHead(path: string): Promise<{ head: Buffer; compression: Compression | undefined }> {
  const raw = await readUpTo(createReadStream(path, { end: 2 ** 16 - 1 }), headBytes)
  const compression = isGzip(raw) ? 'gzip' : unpackerOf(raw)
  if (compression === undefined) return { head: raw, compression }
  const file = createReadStream(path)
  try {
    const unpacked = compression === 'gzip' ? gunzip(file) : unpackRest(new ByteReader(path, file))
    // A damaged file has no head: it is reported when the whole file is read, not here.
    return { head: await readUpTo(unpacked, headBytes).catch(() => Buffer.alloc(0)), compression }
  } finally {
    file.destroy()
  }
}

function gunzip(file: ReadStream): AsyncIterable<Buffer> {
  const unzip = createGunzip()
  file.on('error', (error) => unzip.destroy(error))
  return file.pipe(unzip)
}

async function readUpTo(stream: AsyncIterable<Buffer>, size: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= size) break
  }
  return Buffer.concat(chunks).subarray(0, size)
}
