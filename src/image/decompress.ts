// Decompresses an image's files to the form they would have in the machine's memory, for boot loaders that cannot unpack them.
import { ImageError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'
import { countZeros, CpioWalker, isCpio } from './cpio.ts'
import { gunzipMember, isGzip } from './gzip.ts'
import { unpackerOf, unpackPart, unpackRest } from './unpack.ts'

/** The outcome for a file; complete once its content has been read to the end. */
export interface Outcome {
  /** True if any part of it was decompressed. */
  decompressed: boolean
}

/**
 * A kernel: every gzip member is decompressed, so is data that a program can unpack, and anything else stays unchanged.
 * @throws ImageError if it is damaged, or followed by data that would be lost
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
    yield* unpackRest(reader)
    return
  }
  while (isGzip(await reader.peek(2))) yield* gunzipMember(reader)
  await skipZeros(reader)
  if ((await reader.peek(1)).length > 0) throw unknownPart(reader)
}

/**
 * An initrd, as the kernel's init/initramfs.c reads it, tried part by part with a kernel. It is a sequence, in any order,
 * of cpio archives at multiples of four, of compressed parts that hold whole archive entries, and of zeros. Archives are copied
 * verbatim, the others decompressed, each again at a multiple of four. A file that begins differently, or one compressed part
 * that holds no archive, is a file system to the kernel and stays unchanged.
 * @throws ImageError for anything the kernel refuses: a damaged part, an unknown part, a truncated entry
 */
export async function* decompressInitrd(reader: ByteReader, outcome: Outcome): AsyncGenerator<Buffer> {
  const walker = new CpioWalker()
  let written = 0
  let memberSize: number | undefined
  let known = false
  for (;;) {
    const head = await reader.peek(8)
    const { offset } = reader
    if (head.length === 0) return
    const name = isGzip(head) ? 'gzip' : unpackerOf(head)
    let part: AsyncIterable<Buffer>
    if (name !== undefined) {
      checkForKernel(reader, head, name)
      outcome.decompressed = true
      part = follow(walker, isGzip(head) ? gunzipMember(reader, memberSize) : unpackPart(reader), {
        reader,
        name,
        known,
      })
    } else if (head[0] === 0 || isCpio(head)) {
      if (head[0] !== 0 && offset % 4 !== 0) {
        throw refuse(reader, 'a cpio archive, but the offset is not a multiple of four', 'insert zeros before it')
      }
      part = copyArchives(reader, walker)
    } else if (head.toString('latin1', 0, 6) === '070707') {
      throw refuse(reader, 'a cpio archive in the old format', 'make it with cpio -H newc')
    } else if (known) {
      throw unknownPart(reader)
    } else {
      part = copyRest(reader)
    }
    // Multiples of four count from the start of the file or, in a compressed part, of its content.
    const position = name === undefined ? offset : 0
    walker.restart(position)
    const padding = Buffer.alloc((position - written) & 3)
    const before = written + padding.length
    if (padding.length > 0) yield padding
    written = before
    for await (const chunk of part) {
      written += chunk.length
      yield chunk
    }
    known ||= name !== undefined || walker.entries > 0
    if (name !== undefined) {
      memberSize = written - before
      await skipZeros(reader)
    }
  }
}

/** @throws ImageError for a part in a variant of its compression that the kernel does not accept */
function checkForKernel(reader: ByteReader, head: Buffer, name: string): void {
  if (name === 'gzip' && ((head[3] ?? 0) & 0x16) !== 0) {
    throw refuse(reader, 'gzip data whose header contains more than a name', 'compress it with gzip')
  }
  if (name === 'xz' && (head[7] ?? 0) > 1) {
    throw refuse(reader, 'xz data with a check other than CRC32', 'compress it with xz --check=crc32')
  }
  if (name === 'lz4' && head[0] === 4) {
    throw refuse(reader, 'an lz4 frame, which is not the legacy format', 'compress it with lz4 -l')
  }
}

async function* copyRest(reader: ByteReader): AsyncGenerator<Buffer> {
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) yield chunk
}

/** Copies archives and the zeros after each until something else begins. */
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

/** Passes on the content of a compressed part while the walker checks it. `known` is true if something came before it. */
async function* follow(
  walker: CpioWalker,
  content: AsyncIterable<Buffer>,
  { reader, name, known }: { reader: ByteReader; name: string; known: boolean },
): AsyncGenerator<Buffer> {
  const { offset } = reader
  const { entries } = walker
  const refuseContent = (why: string) => refuse(reader, `${name} data that ${why}`, hint, offset)
  let foreign = false
  for await (const chunk of content) {
    foreign ||= walker.push(chunk) < chunk.length || walker.state === 'lost'
    if (foreign && (known || walker.entries > entries)) throw refuseContent('contains more than cpio archives')
    yield chunk
  }
  if (!foreign && walker.state === 'rest') return
  if (known || walker.entries > entries) throw refuseContent('ends within an entry of a cpio archive')
  await skipZeros(reader)
  if ((await reader.peek(1)).length > 0) throw refuseContent('contains no cpio archive')
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

function refuse(reader: ByteReader, problem: string, todo: string, offset = reader.offset): ImageError {
  return new ImageError(
    `"${reader.path}" is not an initrd that the kernel can unpack: at offset ${offset}, it has ${problem}`,
    { hint: todo },
  )
}

function unknownPart(reader: ByteReader): ImageError {
  return new ImageError(
    `"${reader.path}" cannot be decompressed: the part at offset ${reader.offset} is neither a cpio archive nor compressed in a known format`,
    { hint: 'push with --decompress=false to copy it unchanged' },
  )
}
