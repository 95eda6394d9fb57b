// Kernels that unpack themselves when UEFI starts them. Debian 12's QEMU can only start the kernel inside.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { LabError } from '../../../errors.ts'
import { errorCode } from '../../../text/system-error.ts'
import type { Zboot } from '../../../kernel-format.ts'

/** The programs that decompress a kernel, by the name of the compression. */
const programs: Readonly<Record<string, readonly string[]>> = {
  gzip: ['gzip', '-dc'],
  zstd22: ['zstd', '-dcq'],
  zstd: ['zstd', '-dcq'],
  xzkern: ['xz', '-dc'],
  xz: ['xz', '-dc'],
  lzma: ['xz', '-dc', '--format=lzma'],
  lz4: ['lz4', '-dc'],
  lzo: ['lzop', '-dc'],
}

async function* read(file: FileHandle, { offset, size }: Zboot): AsyncGenerator<Buffer, void, undefined> {
  const endOffset = offset + size
  for (let at = offset; at < endOffset;) {
    const { buffer, bytesRead } = await file.read({ position: at })
    if (bytesRead === 0) return
    yield buffer.subarray(0, Math.min(bytesRead, endOffset - at))
    at += bytesRead
  }
}

/**
 * Writes the kernel inside to a file, `maxBytes` at most.
 * @throws LabError if it cannot be unpacked
 */
export async function unpackZboot(kernel: FileHandle, zboot: Zboot, to: FileHandle, maxBytes: number): Promise<void> {
  const { compression } = zboot
  const [program = '', ...args] = programs[compression] ?? []
  if (program === '') throw new LabError(`the kernel is compressed with "${compression}", which the lab cannot unpack`)
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const closed = once(child, 'close').catch((error: unknown) => error)
  const fed = pipeline(Readable.from(read(kernel, zboot)), child.stdin).catch((error: unknown) => error)
  let size = 0
  const chunks: AsyncIterable<Buffer> = child.stdout
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > maxBytes) {
      child.kill('SIGKILL')
      throw new LabError('the unpacked kernel does not fit into the memory of the machine')
    }
    await to.writeFile(chunk)
  }
  await fed
  const end = await closed
  if (errorCode(end) === 'ENOENT') {
    throw new LabError(`the kernel is compressed with ${compression}, and the program "${program}" is not installed`)
  }
  if (!Array.isArray(end) || end[0] !== 0)
    throw new LabError(`the kernel is damaged: its ${compression} data cannot be unpacked`)
}
