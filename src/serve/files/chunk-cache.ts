// Pieces of files in memory, shared by all senders: a booting rack requests the same initrd all at once, and each
// piece is read only once. The cache holds at most 96 MiB, less the memory that the senders need themselves.
import type { OpenFile } from './open-file.ts'

/** The size of a piece; the last piece of a file may be shorter. */
export const chunkBytes = 256 * 1024
const maxBytes = 96 * 1024 * 1024

/** A piece of a file, in use from `take` to `release`. */
export interface Chunk {
  /** Its bytes; undefined until they have been read, or for good if the file has changed since it was opened. */
  bytes: Buffer | undefined
  /** Settles once `bytes` is set. */
  ready: Promise<void> | undefined
  readonly version: string
  readonly index: number
  readonly buffer: Buffer
  users: number
  /** True if requested again since the last pass that made room. */
  wanted: boolean
}

/** The pieces that can be found: by file version, then by index. */
const versions = new Map<string, Map<number, Chunk>>()
/** All pieces, in the order in which they are considered for eviction. */
const held = new Set<Chunk>()
/** Buffers for the next pieces: the garbage collector is slow to return dropped ones. */
const spare: Buffer[] = []
let heldBytes = 0
let used = 0
/** Memory to leave free. */
let freeBytes = 0

function hasRoom(bytes: number): boolean {
  return heldBytes + bytes <= maxBytes - freeBytes
}

function find(version: string, index: number): Chunk | undefined {
  return versions.get(version)?.get(index)
}

/** Makes a piece impossible to find; it stays in memory until its users have released it. */
function hide(chunk: Chunk): void {
  const pieces = versions.get(chunk.version)
  if (pieces?.get(chunk.index) !== chunk) return
  pieces.delete(chunk.index)
  if (pieces.size === 0) versions.delete(chunk.version)
}

function drop(chunk: Chunk): void {
  hide(chunk)
  held.delete(chunk)
  heldBytes -= chunk.buffer.length
  if (chunk.buffer.length === chunkBytes && hasRoom((spare.length + 1) * chunkBytes)) spare.push(chunk.buffer)
}

/** Evicts unused pieces, first the ones not requested again. @returns whether there is now room */
function makeRoom(bytes: number): boolean {
  for (const chunk of held) {
    if (hasRoom(bytes)) return true
    if (chunk.users > 0) continue
    if (chunk.wanted) {
      chunk.wanted = false
      held.delete(chunk)
      held.add(chunk)
    } else drop(chunk)
  }
  return hasRoom(bytes)
}

/** Reads a piece, keeping it in use and the file open even if all other users leave. */
async function load(chunk: Chunk, file: OpenFile): Promise<void> {
  file.share()
  try {
    const filled = await file.read(chunk.buffer, chunk.index * chunkBytes)
    // Compared after the read: the bytes belong to the version that was opened, or they are not sent.
    if (filled === chunk.buffer.length && (await file.compare()) === 'unchanged') chunk.bytes = chunk.buffer
  } finally {
    chunk.ready = undefined
    if (chunk.bytes === undefined) hide(chunk)
    file.close()
    releaseChunk(chunk)
  }
}

/**
 * The piece with the given index; wait for `ready` if it is set. The piece does not change until it is released.
 * Undefined if the cache is full of pieces in use.
 */
export function takeChunk(file: OpenFile, index: number): Chunk | undefined {
  const { version } = file
  const known = find(version, index)
  if (known !== undefined) {
    if (known.users++ === 0) used++
    known.wanted = true
    return known
  }
  const length = Math.min(chunkBytes, file.sizeBytes - index * chunkBytes)
  if (!makeRoom(length)) return undefined
  const buffer = (length === chunkBytes ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(length)
  const chunk: Chunk = { bytes: undefined, ready: undefined, version, index, buffer, users: 2, wanted: false }
  heldBytes += length
  used++
  held.add(chunk)
  const pieces = versions.get(version) ?? new Map<number, Chunk>()
  versions.set(version, pieces.set(index, chunk))
  chunk.ready = load(chunk, file)
  // The users that wait for `ready` handle errors; they may all have left.
  chunk.ready.catch(() => {})
  return chunk
}

/** Reserves memory for something else; a negative number takes it back. */
export function leaveFree(bytes: number): void {
  freeBytes += bytes
}

/** The number of pieces in use. */
export function countUsed(): number {
  return used
}

/** Releases a piece. */
export function releaseChunk(chunk: Chunk): void {
  if (--chunk.users > 0) return
  used--
  if (find(chunk.version, chunk.index) !== chunk) drop(chunk)
}

/** Reads ahead a piece that will soon be requested, unless it is cached or there is no room. */
export function prefetchChunk(file: OpenFile, index: number): void {
  if (find(file.version, index) !== undefined) return
  const chunk = takeChunk(file, index)
  if (chunk !== undefined) releaseChunk(chunk)
}
