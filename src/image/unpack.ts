// Unpacks compressions other than gzip with Debian's programs. Node 20 supports none of them; the npm packages leave
// checksums unchecked, hold the whole file in memory or take ten times as long, and users of such images have the programs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { ImageError } from '../errors.ts'
import { errorCode } from '../text/system-error.ts'
import type { ByteReader } from './byte-reader.ts'
import { takeBzip2Stream, takeLz4Chunks, takeLzopFile, takeUnpadded, takeXzStream, takeZstdFrame } from './frames.ts'

/** A compression that a program unpacks. */
export type Unpacker = 'zstd' | 'xz' | 'lz4' | 'bzip2' | 'lzma' | 'lzo'

/** Its magic number, and the program that unpacks it. */
interface Format {
  name: Unpacker
  magic: string
  program: string
  args?: readonly string[]
  /** The Debian package of the program. */
  package: string
  /** Reads one part of several; absent if only the program can tell where it ends. */
  takePart?: (reader: ByteReader) => AsyncGenerator<Buffer, void, undefined>
}

const formats: readonly Format[] = [
  { name: 'zstd', magic: '\x28\xb5\x2f\xfd', program: 'zstd', package: 'zstd', takePart: takeZstdFrame },
  { name: 'xz', magic: '\xfd7zXZ\0', program: 'xz', package: 'xz-utils', takePart: takeXzStream },
  // The kernel reads the legacy format; kernels for other loaders may use frames.
  { name: 'lz4', magic: '\x02\x21\x4c\x18', program: 'lz4', package: 'lz4', takePart: takeLz4Chunks },
  { name: 'lz4', magic: '\x04\x22\x4d\x18', program: 'lz4', package: 'lz4' },
  { name: 'bzip2', magic: 'BZh', program: 'bzip2', package: 'bzip2', takePart: takeBzip2Stream },
  // The prefix the kernel checks; the size of the dictionary follows.
  {
    name: 'lzma',
    magic: '\x5d\0',
    program: 'xz',
    args: ['--format=lzma'],
    package: 'xz-utils',
    takePart: takeUnpadded,
  },
  { name: 'lzo', magic: '\x89LZO', program: 'lzop', package: 'lzop', takePart: takeLzopFile },
]

function formatOf(head: Buffer): Format | undefined {
  return formats.find(({ magic }) => head.toString('latin1', 0, magic.length) === magic)
}

/** The format of bytes with this beginning; undefined if no known program unpacks them. */
export function unpackerOf(head: Buffer): Unpacker | undefined {
  return formatOf(head)?.name
}

/**
 * Unpacks everything from the reader's position to the end.
 * @throws ImageError if the data is damaged, or the program is not installed
 */
export async function* unpackRest(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  yield* unpack(reader, () => restOf(reader))
}

/**
 * Unpacks the part at the reader's position and leaves the reader after it; in some formats a part extends to the end.
 * @throws ImageError if the data is damaged, or the program is not installed
 */
export async function* unpackPart(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  yield* unpack(reader, (format) => format.takePart?.(reader) ?? restOf(reader))
}

async function* unpack(
  reader: ByteReader,
  take: (format: Format) => AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  const start = reader.offset
  const format = formatOf(await reader.peek(6))
  if (format === undefined) return
  const { name, program } = format
  const child = spawn(program, [...(format.args ?? []), '-d', '-c'], { stdio: 'pipe' })
  const ended = once(child, 'close').catch((error: unknown) => error)
  const complaint = text(child.stderr).catch(() => '')
  // A program that has seen enough stops reading; its stderr says why.
  const fed = pipeline(Readable.from(take(format)), child.stdin).catch((error: unknown) => error)
  try {
    const chunks: AsyncIterable<Buffer> = child.stdout
    yield* chunks
    const end = await ended
    if (errorCode(end) === 'ENOENT') {
      throw new ImageError(`"${reader.path}" is ${name}, and the program "${program}" is not installed`, {
        hint: `install ${format.package}, or push with --decompress=false`,
      })
    }
    const feeding = await fed
    if (feeding instanceof ImageError) throw feeding
    const why = (await complaint).trim().split('\n').at(-1)?.trim() ?? ''
    // bzip2 skips data after its own, says so, and exits with 0.
    if (!Array.isArray(end) || end[0] !== 0 || (name === 'bzip2' && why !== '')) {
      throw new ImageError(
        `"${reader.path}" is damaged: the ${name} data at offset ${start} cannot be unpacked (${why || `${program} failed`})`,
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
