// Finds where compressed parts end by the sizes or marks inside them: their programs read all of their input,
// but an initrd may continue with something else. Damaged data is passed on as far as it goes; the program reports the error.
import type { ByteReader } from './byte-reader.ts'

/** One zstd frame (RFC 8878, 3.1.1). */
export async function* takeZstdFrame(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const descriptor = (await reader.peek(5))[4] ?? 0
  const single = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  yield await reader.take(5 + (single ? 0 : 1) + dictionaryBytes + sizeBytes)
  for (;;) {
    const header = await reader.take(3)
    yield header
    if (header.length < 3) return
    const block = header.readUIntLE(0, 3)
    const type = (block >> 1) & 3
    if (type === 3) return
    yield* reader.stream(type === 1 ? 1 : block >> 3)
    if (block & 1) break
  }
  if (descriptor & 4) yield* reader.stream(4)
}

/** One xz stream (The .xz File Format 1.1.0), whose blocks end in LZMA2, as every program writes them. */
export async function* takeXzStream(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const header = await reader.take(12)
  yield header
  const check = (header[7] ?? 0) & 0xf
  const checkBytes = check === 0 ? 0 : 4 << Math.floor((check - 1) / 3)
  for (;;) {
    const [size] = await reader.peek(1)
    if (size === undefined) return
    if (size === 0) break
    yield await reader.take((size + 1) * 4)
    const dataStart = reader.offset
    if (!(yield* takeLzma2(reader))) return
    yield* reader.stream((-(reader.offset - dataStart) & 3) + checkBytes)
  }
  yield* takeXzIndex(reader)
  yield* reader.stream(12)
}

/** @returns whether it reached its end */
async function* takeLzma2(reader: ByteReader): AsyncGenerator<Buffer, boolean, undefined> {
  for (;;) {
    const head = await reader.peek(6)
    const control = head[0]
    if (control === undefined || (control > 2 && control < 0x80)) return false
    if (control === 0) {
      yield await reader.take(1)
      return true
    }
    const headBytes = control < 0x80 ? 3 : control < 0xc0 ? 5 : 6
    if (head.length < headBytes) return false
    yield* reader.stream(headBytes + 1 + head.readUInt16BE(headBytes === 3 ? 1 : 3))
  }
}

async function* takeXzIndex(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const start = reader.offset
  // The mark, the number of records, and two numbers for each: seven bits a byte, the eighth bit clear in the last byte.
  yield await reader.take(1)
  let records = 0
  for (let shift = 0, more = true; more && shift < 49; shift += 7) {
    const byte = await reader.take(1)
    if (byte.length === 0) return
    yield byte
    records += ((byte[0] ?? 0) & 0x7f) * 2 ** shift
    more = ((byte[0] ?? 0) & 0x80) !== 0
  }
  for (let numbers = records * 2; numbers > 0;) {
    const byte = await reader.take(1)
    if (byte.length === 0) return
    yield byte
    if (((byte[0] ?? 0) & 0x80) === 0) numbers--
  }
  yield* reader.stream((-(reader.offset - start) & 3) + 4)
}

const lz4Magic = 0x184c2102

/** Legacy lz4 as the kernel's unlz4.c reads it: chunks, possibly with the magic number repeated between them, until a zero size or the end. */
export async function* takeLz4Chunks(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const head = await reader.peek(4)
    if (head.length < 4) return
    const size = head.readUInt32LE(0)
    if (size === 0) return
    yield await reader.take(4)
    if (size !== lz4Magic) yield* reader.stream(size)
  }
}

/** One lzop file (lzop's conf.h and file.h; the kernel's unlzo.c), whose blocks end with a size of zero. */
export async function* takeLzopFile(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const flags = (await reader.peek(21)).subarray(17)
  const flag = flags.length === 4 ? flags.readUInt32BE(0) : 0
  // Up to the length of the name: with a filter, four bytes later.
  const fixed = await reader.take(33 + (flag & 0x800 ? 4 : 0) + 1)
  yield fixed
  yield* reader.stream((fixed.at(-1) ?? 0) + 4)
  const sums = [0x1, 0x100].filter((bit) => flag & bit).length * 4
  const packedSums = [0x2, 0x200].filter((bit) => flag & bit).length * 4
  for (;;) {
    const size = await reader.take(4)
    yield size
    if (size.length < 4 || size.readUInt32BE(0) === 0) return
    const packed = await reader.take(4)
    yield packed
    if (packed.length < 4) return
    const isPacked = packed.readUInt32BE(0) < size.readUInt32BE(0)
    yield* reader.stream(packed.readUInt32BE(0) + sums + (isPacked ? packedSums : 0))
  }
}

/** The end mark of a bzip2 stream at each of eight bit offsets: the bytes it fills, and the whole mark. */
const bzip2Mark = 0x177245385090n
const bzip2Marks = Array.from({ length: 8 }, (_, shift) => {
  const wide = Buffer.alloc(8)
  wide.writeBigUInt64BE(bzip2Mark << BigInt(16 - shift))
  return wide.subarray(1, 6)
})

/** The index at which a bzip2 stream ends if the bytes contain its end mark; otherwise undefined. */
function findBzip2End(bytes: Buffer): number | undefined {
  let end: number | undefined
  bzip2Marks.forEach((mark, shift) => {
    for (let at = bytes.indexOf(mark, 1); at !== -1; at = bytes.indexOf(mark, at + 1)) {
      if (at + 7 > bytes.length) return
      const bits = bytes.readBigUInt64BE(at - 1) >> BigInt(16 - shift)
      if ((bits & 0xffffffffffffn) !== bzip2Mark) continue
      // 48 bits and a checksum of 32 more.
      const stop = at - 1 + Math.ceil((shift + 80) / 8)
      if (end === undefined || stop < end) end = stop
      return
    }
  })
  return end
}

/** One bzip2 stream: it has no size, but a mark at its end. */
export async function* takeBzip2Stream(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  // The mark may begin in one chunk and end in the next.
  const markBytes = 16
  let kept = Buffer.alloc(0)
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) {
    const bytes = Buffer.concat([kept, chunk])
    const end = findBzip2End(bytes)
    if (end !== undefined && end <= bytes.length) {
      reader.putBack(bytes.subarray(end))
      yield bytes.subarray(0, end)
      return
    }
    kept = bytes.subarray(Math.max(0, bytes.length - markBytes))
    yield bytes.subarray(0, bytes.length - kept.length)
  }
  yield kept
}

/** Everything to the end except trailing padding zeros: nothing in lzma shows where it ends. */
export async function* takeUnpadded(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  let zeros = 0
  for (let chunk = await reader.takeChunk(); chunk !== undefined; chunk = await reader.takeChunk()) {
    let end = chunk.length
    while (end > 0 && chunk[end - 1] === 0) end--
    if (end > 0) {
      for (; zeros > 0; zeros -= Math.min(zeros, 65_536)) yield Buffer.alloc(Math.min(zeros, 65_536))
      yield chunk.subarray(0, end)
    }
    zeros += chunk.length - end
  }
}
