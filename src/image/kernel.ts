// What a kernel file is: the magic numbers that firmware and boot loaders go by.
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { isGzip } from './gzip.ts'

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

/** The first bytes of a kernel file, looked at through gzip; fewer where the gzip is damaged early. */
export async function readKernelHead(path: string): Promise<{ head: Buffer; gzipped: boolean }> {
  const raw = await readUpTo(createReadStream(path, { end: 2 ** 16 - 1 }), headBytes)
  if (!isGzip(raw)) return { head: raw, gzipped: false }
  const file = createReadStream(path)
  const gunzip = createGunzip()
  file.on('error', (error) => gunzip.destroy(error))
  try {
    // A damaged gzip has no head to speak of: that is reported where the whole file is read, not here.
    const head = await readUpTo(file.pipe(gunzip), headBytes).catch(() => Buffer.alloc(0))
    return { head, gzipped: true }
  } finally {
    file.destroy()
  }
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
