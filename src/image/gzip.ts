// gzip, a member at a time (RFC 1952). zlib's own gunzip is not exact at the end of a member: it skips what
// follows, and an initrd may continue with something that is not gzip at all.
import { on } from 'node:events'
import { constants, crc32, createInflateRaw, type InflateRaw } from 'node:zlib'
import { ImageError } from '../errors.ts'
import { errorCode } from '../text/system-error.ts'
import { type ByteReader, readBytes } from './byte-reader.ts'

const headerFlags = { checksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const

/** True if bytes begin a gzip member. */
export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/**
 * Decompresses the member at the reader's position and leaves the reader at the first byte after it.
 * @throws ImageError naming the file when the member is damaged or ends too early
 */
export async function* gunzipMember(reader: ByteReader, sizeHint = readBytes): AsyncGenerator<Buffer> {
  const start = reader.offset
  await skipHeader(reader, start)
  let checksum = 0
  let size = 0
  // A member of a few kilobytes does not need the buffers of a large one.
  const chunkSize = Math.min(readBytes, Math.max(constants.Z_DEFAULT_CHUNK, sizeHint))
  const inflate = createInflateRaw({ chunkSize })
  const fed = feed(inflate, reader)
  try {
    // zlib continues while its output is processed; Readable would merge chunks waiting in its own buffer by copying them.
    const events: AsyncIterable<Buffer[]> = on(inflate, 'data', { close: ['end'], highWaterMark: 2, lowWaterMark: 1 })
    for await (const [chunk = Buffer.alloc(0)] of events) {
      checksum = crc32(chunk, checksum)
      size += chunk.length
      yield chunk
    }
  } catch (error) {
    throw zlibError(error, reader.path, start)
  } finally {
    inflate.destroy()
  }
  const ahead = await fed.ahead
  if (ahead !== undefined) reader.putBack(ahead)
  reader.putBack(fed.last.subarray(fed.last.length - (fed.bytes - inflate.bytesWritten)))
  const trailer = await reader.take(8)
  if (trailer.length < 8) throw truncated(reader.path, start)
  if (trailer.readUInt32LE(0) !== checksum) throw damaged(reader.path, start, 'its checksum does not match')
  if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw damaged(reader.path, start, 'its length does not match')
}

/** The input of zlib: the last chunk, the total number of bytes, and the next chunk. */
interface Fed {
  last: Buffer
  bytes: number
  ahead: Promise<Buffer | undefined> | undefined
}

/**
 * Feeds the reader's chunks to zlib, each after the previous one is used up: the rest when zlib reaches the
 * end of its data is then always the end of the last chunk. The next chunk is read while zlib works on the last; but not
 * during the first, which may be all that a small member needs.
 */
function feed(inflate: InflateRaw, reader: ByteReader): Fed {
  const fed: Fed = { last: Buffer.alloc(0), bytes: 0, ahead: undefined }
  const next = async () => {
    try {
      const chunk = await (fed.ahead ?? reader.takeChunk())
      fed.ahead = undefined
      if (inflate.destroyed) return
      if (chunk === undefined) {
        inflate.end()
        return
      }
      const first = fed.bytes === 0
      fed.last = chunk
      fed.bytes += chunk.length
      inflate.write(chunk, (error) => {
        if (!error && inflate.bytesWritten === fed.bytes) void next()
      })
      if (first) return
      fed.ahead = reader.takeChunk()
      // The consumer of the chunk gets the error; there is no consumer if zlib has found damage in the meantime.
      fed.ahead.catch(() => {})
    } catch (error) {
      inflate.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }
  void next()
  return fed
}

async function skipHeader(reader: ByteReader, start: number): Promise<void> {
  let checksum = 0
  const take = async (size: number) => {
    const bytes = await reader.take(size)
    if (bytes.length < size) throw truncated(reader.path, start)
    checksum = crc32(bytes, checksum)
    return bytes
  }
  const takeString = async () => {
    while ((await take(1))[0] !== 0);
  }
  const fixed = await take(10)
  const flags = fixed[3] ?? 0
  if (fixed[2] !== 8) throw damaged(reader.path, start, `its compression method is ${fixed[2]}`)
  if (flags & headerFlags.reserved) throw damaged(reader.path, start, 'its header has unknown flags')
  if (flags & headerFlags.extra) await take((await take(2)).readUInt16LE(0))
  if (flags & headerFlags.name) await takeString()
  if (flags & headerFlags.comment) await takeString()
  if (flags & headerFlags.checksum) {
    const expected = checksum & 0xffff
    if ((await take(2)).readUInt16LE(0) !== expected) {
      throw damaged(reader.path, start, 'the checksum of its header does not match')
    }
  }
}

function zlibError(error: unknown, path: string, start: number): unknown {
  const code = errorCode(error)
  if (code === 'Z_BUF_ERROR') return truncated(path, start)
  return code?.startsWith('Z_') ? damaged(path, start, `zlib says ${messageOf(error)}`) : error
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const hint = 'build or copy it again'

function truncated(path: string, start: number): ImageError {
  return new ImageError(`"${path}" is truncated: the gzip data at offset ${start} ends too early`, { hint })
}

function damaged(path: string, start: number, why: string): ImageError {
  return new ImageError(`"${path}" is damaged: in the gzip data at offset ${start}, ${why}`, { hint })
}
