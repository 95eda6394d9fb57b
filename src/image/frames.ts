// Where zstd frames and xz streams end, by the sizes that they have inside: their programs read on to the end of what they get,
// and an initrd may go on with something else. What is damaged is passed on as far as it goes; the program says what is wrong.
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

/** One xz stream (The .xz File Format 1.1.0), whose blocks end in LZMA2 as those of every program do. */
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

/** @returns whether it came to its end */
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
  // The mark, the number of records, and of each two numbers: all of seven bits a byte, the last with the eighth clear.
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
