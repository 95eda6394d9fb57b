// Pieces of files in memory, shared by all who send them: a rack that boots asks for the same initrd at the same time, and each
// piece is then read once. All of it together is 96 MiB at most, less what those who send need beside it.
import type { OpenFile } from './open-file.ts'

/** The size of a piece; the last of a file is shorter. */
export const chunkBytes = 256 * 1024
const maxBytes = 96 * 1024 * 1024

/** A piece of a file, in use from `take` to `release`. */
export interface Chunk {
  /** Its bytes; undefined until they have been read, and for ever if the file has changed since it was opened. */
  bytes: Buffer | undefined
  /** Settled once `bytes` is there. */
  ready: Promise<void> | undefined
  readonly version: string
  readonly index: number
  readonly buffer: Buffer
  users: number
  /** Asked for again since it was last looked at for room. */
  wanted: boolean
}

/** The pieces that can be asked for: by version of a file, and there by index. */
const versions = new Map<string, Map<number, Chunk>>()
/** All there are, in the order in which they are looked at for room. */
const held = new Set<Chunk>()
/** Buffers for the next pieces: what is let go is the garbage collector's, and it takes its time. */
const spare: Buffer[] = []
let heldBytes = 0
let used = 0
/** What is to be left free. */
let freeBytes = 0

function hasRoom(bytes: number): boolean {
  return heldBytes + bytes <= maxBytes - freeBytes
}

function find(version: string, index: number): Chunk | undefined {
  return versions.get(version)?.get(index)
}

/** Nobody finds the piece any more; it stays until those who use it have released it. */
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

/** Drops pieces that nobody uses, those that nobody has asked for again first. @returns whether there is room then */
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

/** Reads a piece; meanwhile it is in use, and the file open, whoever else leaves. */
async function load(chunk: Chunk, file: OpenFile): Promise<void> {
  file.share()
  try {
    const filled = await file.read(chunk.buffer, chunk.index * chunkBytes)
    // Looked at after the bytes were read: they are of the version that was opened, or they are not sent.
    if (filled === chunk.buffer.length && (await file.compare()) === 'unchanged') chunk.bytes = chunk.buffer
  } finally {
    chunk.ready = undefined
    if (chunk.bytes === undefined) hide(chunk)
    file.close()
    releaseChunk(chunk)
  }
}

/**
 * The piece with that index; wait for `ready` if there is one. It stays as it is until it is released.
 * Undefined when all that may be held is in use elsewhere.
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
  // What goes wrong is for those who wait; they may all have left.
  chunk.ready.catch(() => {})
  return chunk
}

/** Leaves some memory to something else, from now on; with a minus it takes it back. */
export function leaveFree(bytes: number): void {
  freeBytes += bytes
}

/** How many pieces are in use. */
export function countUsed(): number {
  return used
}

/** Ends a use. */
export function releaseChunk(chunk: Chunk): void {
  if (--chunk.users > 0) return
  used--
  if (find(chunk.version, chunk.index) !== chunk) drop(chunk)
}

/** Reads a piece that will soon be asked for, unless it is there or there is no room. */
export function prefetchChunk(file: OpenFile, index: number): void {
  if (find(file.version, index) !== undefined) return
  const chunk = takeChunk(file, index)
  if (chunk !== undefined) releaseChunk(chunk)
}
