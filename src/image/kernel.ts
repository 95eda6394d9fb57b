// What a kernel file is: the magic numbers that firmware and boot loaders go by.
import { createReadStream, type ReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { ByteReader } from './byte-reader.ts'
import { isGzip } from './gzip.ts'
import { unpackerOf, unpackRest, type Unpacker } from './unpack.ts'

/** Enough of a kernel for detectKernel; the headers of kernels end well before. */
const headBytes = 4096

/**
 * The architecture of a kernel from its first bytes (uncompressed), undefined where they are no kernel's.
 * Sources: Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst, drivers/firmware/efi/libstub/zboot-header.S.
 */
export function detectKernel(head: Buffer): 'x86_64' | 'aarch64' | undefined {
  if (holds(head, 0x1fe, '\x55\xaa') && holds(head, 0x202, 'HdrS')) return 'x86_64'
  if (holds(head, 56, 'ARM\x64')) return 'aarch64'
  // A kernel that unpacks itself; the same wrapping serves other processors, so the PE header has the say.
  if (holds(head, 0, 'MZ') && holds(head, 4, 'zimg') && head.length >= 0x40) {
    const peOffset = head.readUInt32LE(0x3c)
    if (holds(head, peOffset, 'PE\0\0\x64\xaa')) return 'aarch64'
  }
  return undefined
}

function holds(head: Buffer, offset: number, magic: string): boolean {
  return head.toString('latin1', offset, offset + magic.length) === magic
}

/** How a kernel file is compressed. */
export type Compression = 'gzip' | Unpacker

/** The first bytes of a kernel file, looked at through its compression; none where that cannot be undone. */
export async function readKernelHead(path: string): Promise<{ head: Buffer; compression: Compression | undefined }> {
  const raw = await readUpTo(createReadStream(path, { end: 2 ** 16 - 1 }), headBytes)
  const compression = isGzip(raw) ? 'gzip' : unpackerOf(raw)
  if (compression === undefined) return { head: raw, compression }
  const file = createReadStream(path)
  try {
    const unpacked = compression === 'gzip' ? gunzip(file) : unpackRest(compression, new ByteReader(path, file))
    // What is damaged has no head to speak of: that is reported where the whole file is read, not here.
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
