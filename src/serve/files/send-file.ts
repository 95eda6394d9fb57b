// Sends bytes of an open file piece by piece, waiting for each to be written, so that slow readers do not cost more memory.
import type { ServerResponse } from 'node:http'
import { type Chunk, chunkBytes, countUsed, leaveFree, prefetchChunk, releaseChunk, takeChunk } from './chunk-cache.ts'
import type { OpenFile } from './open-file.ts'
import type { ByteRange } from './range.ts'

/** How sending ended: complete, the client left, or the file no longer matches the announced version. */
export type SendOutcome = 'sent' | 'aborted' | 'shrunk' | 'changed'

/**
 * Writes chunks in one system call and, if `last`, ends the response; resolves to false if the connection closes before the system
 * has accepted them. Either way nothing refers to them afterwards: a socket ends its writes before it closes.
 */
export function writeChunks(response: ServerResponse, chunks: readonly Buffer[], last: boolean): Promise<boolean> {
  const { socket } = response.req
  return new Promise((resolve) => {
    const settle = (done: boolean) => {
      socket.off('close', fail)
      resolve(done)
    }
    const fail = () => settle(false)
    if (socket.destroyed) {
      resolve(false)
      return
    }
    socket.once('close', fail)
    socket.cork()
    for (const chunk of chunks.slice(0, -1)) response.write(chunk)
    // Chunks are accepted in order, so the last callback covers all of them.
    const written = (error?: Error | null) => settle(!error)
    if (last) response.end(chunks.at(-1), written)
    else response.write(chunks.at(-1), written)
    socket.uncork()
  })
}

/** One system call for eight pieces costs a quarter less than eight calls for one piece each. */
const maxAtOnce = 8
/** With more pieces in use, each reader gets one piece at a time. */
const plenty = 48

/** The number of pieces to write at a time. */
function piecesAtOnce(): number {
  return countUsed() + maxAtOnce <= plenty ? maxAtOnce : 1
}

/** Memory per reader besides file pieces, measured: its connection, and garbage not yet collected. */
const readerBytes = { plain: 112 * 1024, encrypted: 208 * 1024 }
let readers = 0

/** A TLS connection keeps as much memory as its largest single write. This is the limit for all of them together. */
const encryptedBytes = 4 * 1024 * 1024

function isEncrypted(response: ServerResponse): boolean {
  return 'encrypted' in response.req.socket
}

/** Writes pieces; over TLS, the more readers there are, the smaller each write. */
async function writePieces(response: ServerResponse, pieces: readonly Buffer[], last: boolean): Promise<boolean> {
  if (!isEncrypted(response)) return await writeChunks(response, pieces, last)
  const maxBytes = Math.max(16 * 1024, Math.floor(encryptedBytes / readers))
  let left = pieces.reduce((sum, { length }) => sum + length, 0)
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += maxBytes) {
      const part = piece.subarray(at, at + maxBytes)
      left -= part.length
      if (!(await writeChunks(response, [part], last && left === 0))) return false
    }
  }
  return true
}

const waiting: (() => void)[] = []

/** Lets the longest-waiting writers run for half a millisecond of work, then everything else: requests, other writes. */
function takeTurns(): void {
  for (let pieces = 0; pieces < maxAtOnce; pieces += piecesAtOnce()) waiting.shift()?.()
  if (waiting.length > 0) setImmediate(takeTurns)
}

/** Waits for a turn. Otherwise a fast reader, whose writes the system accepts at once, would keep the loop to itself. */
function waitTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(takeTurns)
  })
}

/** The offset a sender has reached, or why sending has ended. */
type Reached = number | Exclude<SendOutcome, 'sent'>

/** Sends the start of a range, up to the piece `stop` or as far as there is room in the cache. */
async function sendPieces(
  response: ServerResponse,
  file: OpenFile,
  range: ByteRange,
  stop: number,
): Promise<Reached | 'no room'> {
  const first = Math.floor(range.start / chunkBytes)
  const chunks: Chunk[] = []
  for (let index = first; index < stop; index++) {
    const chunk = takeChunk(file, index)
    if (chunk === undefined) break
    chunks.push(chunk)
  }
  if (chunks.length === 0) return 'no room'
  const end = Math.min(range.end, (first + chunks.length) * chunkBytes)
  try {
    for (const { ready } of chunks) if (ready !== undefined) await ready
    const pieces: Buffer[] = []
    for (const [at, { bytes }] of chunks.entries()) {
      const start = (first + at) * chunkBytes
      if (bytes === undefined) return (await file.compare()) === 'shrunk' ? 'shrunk' : 'changed'
      pieces.push(bytes.subarray(Math.max(0, range.start - start), end - start))
    }
    // The next pieces are read during the write.
    for (let index = stop; index < Math.min(stop + chunks.length, Math.ceil(range.end / chunkBytes)); index++) {
      prefetchChunk(file, index)
    }
    return (await writePieces(response, pieces, end === range.end)) ? end : 'aborted'
  } finally {
    for (const chunk of chunks) releaseChunk(chunk)
  }
}

/** How much is sent at a time if the cache is full of pieces that slow readers have not taken yet. */
const aloneBytes = 32 * 1024
const spare: Buffer[] = []

/** Sends the start of a range, bypassing the cache. */
async function sendAlone(response: ServerResponse, file: OpenFile, { start, end }: ByteRange): Promise<Reached> {
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(aloneBytes)
  try {
    const bytes = buffer.subarray(0, end - start)
    const filled = await file.read(bytes, start)
    const now = await file.compare()
    if (filled < bytes.length || now !== 'unchanged') return now === 'shrunk' ? 'shrunk' : 'changed'
    const reached = start + bytes.length
    return (await writePieces(response, [bytes], reached === end)) ? reached : 'aborted'
  } finally {
    spare.push(buffer)
  }
}

/**
 * Sends a range of a file and ends the response. `onSent` is called with the number of bytes the system has accepted.
 * If the file has shrunk or changed, the connection is cut: its Content-Length and version have already been announced.
 */
export async function sendFile(
  response: ServerResponse,
  file: OpenFile,
  range: ByteRange,
  onSent: (bytes: number) => void,
): Promise<SendOutcome> {
  const ownBytes = isEncrypted(response) ? readerBytes.encrypted : readerBytes.plain
  leaveFree(ownBytes)
  readers++
  try {
    const last = Math.ceil(range.end / chunkBytes)
    for (let position = range.start; position < range.end;) {
      const rest = { start: position, end: range.end }
      const stop = Math.min(last, Math.floor(position / chunkBytes) + piecesAtOnce())
      let reached = await sendPieces(response, file, rest, stop)
      if (reached === 'no room') reached = await sendAlone(response, file, rest)
      if (typeof reached === 'string') {
        if (reached !== 'aborted') response.destroy()
        return reached
      }
      onSent(reached - position)
      position = reached
      if (position < range.end) await waitTurn()
    }
    return 'sent'
  } finally {
    readers--
    leaveFree(-ownBytes)
  }
}
