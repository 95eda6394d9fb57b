// zstd and xz, by the programs of that name. Node 20 has neither; what npm offers for them leaves checksums unchecked, holds
// the whole file in memory or takes ten times as long, and who has such an image has the programs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { errorCode, ImageError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'

/** A program that unpacks what it reads. */
export type Unpacker = 'zstd' | 'xz'

const magics: readonly (readonly [magic: string, unpacker: Unpacker])[] = [
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['\xfd7zXZ\0', 'xz'],
]

/** What unpacks bytes that begin so; undefined where they are neither zstd nor xz. */
export function unpackerOf(head: Buffer): Unpacker | undefined {
  return magics.find(([magic]) => head.toString('latin1', 0, magic.length) === magic)?.[1]
}

/**
 * Unpacks everything from where the reader stands to its end.
 * @throws ImageError where the data is damaged, or the program is not installed
 */
export async function* unpackRest(program: Unpacker, reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const start = reader.offset
  const child = spawn(program, ['-d', '-c'], { stdio: 'pipe' })
  const ended = once(child, 'close').catch((error: unknown) => error)
  const said = text(child.stderr).catch(() => '')
  // A program that has seen enough does not read on; why is in what it says.
  const fed = pipeline(Readable.from(restOf(reader)), child.stdin).catch((error: unknown) => error)
  try {
    const chunks: AsyncIterable<Buffer> = child.stdout
    yield* chunks
    const end = await ended
    if (errorCode(end) === 'ENOENT') {
      throw new ImageError(`"${reader.path}" is ${program}, and the program "${program}" is not installed`, {
        hint: `install ${program}, or push with --decompress=false`,
      })
    }
    const feeding = await fed
    if (feeding instanceof ImageError) throw feeding
    if (!Array.isArray(end) || end[0] !== 0) {
      const why = (await said).trim().split('\n').at(-1)?.trim()
      throw new ImageError(
        `"${reader.path}" is damaged: the ${program} data at offset ${start} cannot be unpacked (${why})`,
        { hint: 'build or copy it again' },
      )
    }
  } finally {
    child.kill()
    await ended
  }
}

async function* restOf(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) yield chunk
}
