// The input files: created once in the temp folder, and kept for the next run.
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folder of the files, into which a benchmark may write. */
export const dataFolder = join(tmpdir(), 'metalkit-bench')

/** Writes a file of random bytes, which look like compressed data. @returns its path */
export async function makeRandomFile(name: string, sizeBytes: number): Promise<string> {
  const path = join(dataFolder, name)
  if (existsSync(path) && (await stat(path)).size === sizeBytes) return path
  await mkdir(dirname(path), { recursive: true })
  const file = await open(`${path}.new`, 'w')
  const block = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < sizeBytes; at += block.length) {
    await file.write(randomFillSync(block), 0, Math.min(block.length, sizeBytes - at))
  }
  await file.close()
  await rename(`${path}.new`, path)
  return path
}

const initrdBytes = 528 * 1000 * 1000

/**
 * An image folder with `bench-kernel` (8 MB) and `bench-initrd.img`: 528 MB of this system's /usr in a gzip as linuxkit
 * writes it. @returns the prefix to push
 */
export async function makeImage(): Promise<string> {
  const folder = join(dataFolder, 'image')
  const prefix = join(folder, 'bench')
  await mkdir(folder, { recursive: true })
  if (!existsSync(`${prefix}-initrd.img`)) {
    const tar = `tar -c -C /usr lib share bin 2>/dev/null | head -c ${initrdBytes} | gzip > "$0.new" && mv "$0.new" "$0"`
    await run('sh', ['-c', tar, `${prefix}-initrd.img`])
  }
  const kernel = await makeRandomFile('image/bench-kernel', 8_000_000)
  const file = await open(kernel, 'r+')
  // Enough of a bzImage to be recognized as one.
  await file.write('\u0055\u00aa', 0x1fe, 'latin1')
  await file.write('HdrS', 0x202, 'latin1')
  await file.close()
  const cmdline = await open(`${prefix}-cmdline`, 'w')
  await cmdline.write('console=ttyS0')
  await cmdline.close()
  return prefix
}
