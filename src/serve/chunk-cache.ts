// Pieces of files in memory, shared by all who send them: a rack that boots asks for the same initrd at the same time, and each
// piece is then read once. What is held is bounded whatever the files' sizes: 96 MiB, or what is being written right now.
import type { OpenFile } from './open-file.ts'

/** The size of a piece; the last of a file is shorter. */
export const chunkBytes = 256 * 1024
const mostBytes = 96 * 1024 * 1024

/** A piece of a file, in use from `take` to `release`. */
export interface Chunk {
  /** Its bytes; undefined until they have been read, and for ever if the file has changed since it was opened. */
  bytes: Buffer | undefined
  /** Settled once `bytes` is there. */
  ready: Promise<void> | undefined
  readonly key: string
  readonly buffer: Buffer
  users: number
}

/** The pieces in memory, those used longest ago first. */
const chunks = new Map<string, Chunk>()
const spare: Buffer[] = []
/** Buffers kept for the next piece: what is let go is the garbage collector's, and it takes its time. */
const mostSpare = 16
let heldBytes = 0
let used = 0

function drop(chunk: Chunk): void {
  if (chunks.get(chunk.key) === chunk) chunks.delete(chunk.key)
  heldBytes -= chunk.buffer.length
  if (chunk.buffer.length === chunkBytes && spare.length < mostSpare) spare.push(chunk.buffer)
}

/** Drops what was used longest ago and is not in use, until there is room. */
function makeRoom(bytes: number): void {
  for (const chunk of chunks.values()) {
    if (heldBytes + bytes <= mostBytes) return
    if (chunk.users === 0) drop(chunk)
  }
}

/** Reads a piece; meanwhile it is in use, and the file open, whoever else leaves. */
async function load(chunk: Chunk, file: OpenFile, position: number): Promise<void> {
  file.share()
  try {
    const filled = await file.read(chunk.buffer, position)
    // Looked at after the bytes were read: they are of the version that was opened, or they are not sent.
    if (filled === chunk.buffer.length && file.isUnchanged()) chunk.bytes = chunk.buffer
  } finally {
    chunk.ready = undefined
    if (chunk.bytes === undefined) chunks.delete(chunk.key)
    file.close()
    releaseChunk(chunk)
  }
}

/** The piece with that index; wait for `ready` if there is one. It stays as it is until it is released. */
export function takeChunk(file: OpenFile, index: number): Chunk {
  const key = `${file.version}:${index}`
  const known = chunks.get(key)
  if (known !== undefined) {
    if (known.users++ === 0) used++
    chunks.delete(key)
    chunks.set(key, known)
    return known
  }
  const length = Math.min(chunkBytes, file.sizeBytes - index * chunkBytes)
  makeRoom(length)
  const buffer = (length === chunkBytes ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(length)
  heldBytes += length
  used++
  const chunk: Chunk = { bytes: undefined, ready: undefined, key, buffer, users: 2 }
  chunks.set(key, chunk)
  chunk.ready = load(chunk, file, index * chunkBytes)
  // What goes wrong is for those who wait; they may all have left.
  chunk.ready.catch(() => {})
  return chunk
}

/** How many pieces are in use. */
export function countUsed(): number {
  return used
}

/** Ends a use. */
export function releaseChunk(chunk: Chunk): void {
  if (--chunk.users === 0) used--
  const stays = chunks.get(chunk.key) === chunk
  if (chunk.users === 0 && (!stays || heldBytes > mostBytes)) drop(chunk)
}

/** Reads a piece that will soon be asked for, unless it is there or there is no room. */
export function prefetchChunk(file: OpenFile, index: number): void {
  if (chunks.has(`${file.version}:${index}`)) return
  makeRoom(chunkBytes)
  if (heldBytes + chunkBytes <= mostBytes) releaseChunk(takeChunk(file, index))
}
