// An image's files as the machine will have them in memory once everything is unpacked: for boot loaders that unpack nothing.
import { ImageError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'
import { countZeros, CpioWalker, isCpio, paddingOf } from './cpio.ts'
import { gunzipMember, isGzip } from './gzip.ts'
import { unpackerOf, unpackRest } from './unpack.ts'

/** What became of a file; complete once its content has been read to the end. */
export interface Outcome {
  /** Something in it was compressed and no longer is. */
  decompressed: boolean
}

const magics: readonly (readonly [magic: string, name: string])[] = [
  ['\x02\x21\x4c\x18', 'lz4'],
  ['\x5d\0\0', 'lzma'],
  ['\x89LZO', 'lzo'],
  ['BZh', 'bzip2'],
]

/** What bytes look like that nothing here decompresses: `lz4`, or undefined. */
function nameCompression(head: Buffer): string | undefined {
  return magics.find(([magic]) => head.toString('latin1', 0, magic.length) === magic)?.[1]
}

/**
 * A kernel: gzip is decompressed, every member of it, zstd and xz are, and anything else comes as it is.
 * @throws ImageError when it is damaged, or followed by something that would be lost
 */
export async function* decompressKernel(reader: ByteReader, outcome: Outcome): AsyncGenerator<Buffer> {
  const head = await reader.peek(6)
  const unpacker = unpackerOf(head)
  if (!isGzip(head) && unpacker === undefined) {
    yield* copyRest(reader)
    return
  }
  outcome.decompressed = true
  if (unpacker !== undefined) {
    yield* unpackRest(unpacker, reader)
    return
  }
  while (isGzip(await reader.peek(2))) yield* gunzipMember(reader)
  await skipZeros(reader)
  const behind = await reader.peek(6)
  if (behind.length > 0) throw unknownPart(reader, behind)
}

/**
 * An initrd: what the kernel's init/initramfs.c makes of it. It is a sequence, in any order, of cpio archives, of gzip
 * members that hold archives, and of zeros between them; the last part may be zstd or xz. Archives come verbatim, members decompressed, and each begins at a multiple of
 * four, where the kernel looks for it. A file that begins as none of these comes as it is.
 * @throws ImageError when a part is damaged, or when behind a good part something unknown begins
 */
export async function* decompressInitrd(reader: ByteReader, outcome: Outcome): AsyncGenerator<Buffer> {
  const walker = new CpioWalker()
  let written = 0
  let memberSize: number | undefined
  let known = false
  for (;;) {
    const head = await reader.peek(6)
    if (head.length === 0) return
    const unpacker = unpackerOf(head)
    let part: AsyncIterable<Buffer>
    let begins = false
    if (isGzip(head)) {
      outcome.decompressed = true
      known = true
      // What one member leaves unfinished goes on in the next, as zcat would join them; only a new archive is aligned.
      begins = walker.state === 'rest'
      part = follow(walker, gunzipMember(reader, memberSize))
    } else if (unpacker !== undefined) {
      outcome.decompressed = true
      begins = walker.state === 'rest'
      part = follow(walker, unpackRest(unpacker, reader))
    } else if (isCpio(head)) {
      known = true
      if (walker.state === 'inside') throw unfinished(reader, 'ends too early')
      // The kernel looks for archives at multiples of four only; one that stands elsewhere was meant to be found.
      begins = walker.state !== 'entry'
      part = copyArchives(reader, walker)
    } else if (written === 0 && head[0] === 0) {
      part = copyArchives(reader, walker)
    } else if (!known) {
      part = copyRest(reader)
    } else {
      throw unknownPart(reader, head)
    }
    if (begins) {
      const padding = Buffer.alloc(paddingOf(written))
      walker.restart()
      written += padding.length
      if (padding.length > 0) yield padding
    }
    const before = written
    for await (const chunk of part) {
      written += chunk.length
      yield chunk
    }
    if (isGzip(head)) {
      memberSize = written - before
      await skipZeros(reader)
    }
  }
}

async function* copyRest(reader: ByteReader): AsyncGenerator<Buffer> {
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) yield chunk
}

/** Copies archives and the zeros behind each until something else begins. */
async function* copyArchives(reader: ByteReader, walker: CpioWalker): AsyncGenerator<Buffer> {
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) {
    const size = walker.push(chunk)
    if (size < chunk.length) reader.putBack(chunk.subarray(size))
    if (walker.state === 'lost') throw unfinished(reader, 'has no entry where one should begin')
    yield chunk.subarray(0, size)
    if (size < chunk.length) return
  }
  if (walker.state === 'inside') throw unfinished(reader, 'ends too early')
}

/** Passes the content of a member on while the walker looks at it. */
async function* follow(walker: CpioWalker, member: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of member) {
    if (walker.push(chunk) < chunk.length) walker.lose()
    yield chunk
  }
}

async function skipZeros(reader: ByteReader): Promise<void> {
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) {
    const zeros = countZeros(chunk, 0)
    if (zeros < chunk.length) {
      reader.putBack(chunk.subarray(zeros))
      return
    }
  }
}

const hint = 'build or copy it again'

function unfinished(reader: ByteReader, why: string): ImageError {
  return new ImageError(`"${reader.path}" is damaged: before offset ${reader.offset}, a cpio archive ${why}`, { hint })
}

function unknownPart(reader: ByteReader, head: Buffer): ImageError {
  const what = nameCompression(head) ?? 'neither gzip nor cpio'
  return new ImageError(
    `"${reader.path}" cannot be decompressed: at offset ${reader.offset} begins a part that is ${what}`,
    {
      hint: 'push with --decompress=false to copy it as it is',
    },
  )
}
