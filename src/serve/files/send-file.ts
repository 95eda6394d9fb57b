// Sends bytes of an open file, a piece at a time, waiting for each to be written: memory does not grow with a reader's slowness.
import type { ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import { type Chunk, chunkBytes, countUsed, leaveFree, prefetchChunk, releaseChunk, takeChunk } from './chunk-cache.ts'
import type { OpenFile } from './open-file.ts'
import type { ByteRange } from './range.ts'

/** How sending ended: all of it, the client left, or the file is no longer what was promised. */
export type SendOutcome = 'sent' | 'aborted' | 'shrunk' | 'changed'

/**
 * Writes chunks in one system call, the last time ending with them; fulfilled with false if the connection goes before the system
 * has taken them. Either way nothing refers to them afterwards: a socket has ended its writes before it is closed.
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
    // They are taken in order, so that the last one tells of all.
    const written = (error?: Error | null) => settle(!error)
    if (last) response.end(chunks.at(-1), written)
    else response.write(chunks.at(-1), written)
    socket.uncork()
  })
}

/** One system call for eight pieces costs a quarter less than eight for one each. */
const maxAtOnce = 8
/** With more pieces in use each reader is written one at a time. */
const plenty = 48

/** How many pieces are written at a time. */
function piecesAtOnce(): number {
  return countUsed() + maxAtOnce <= plenty ? maxAtOnce : 1
}

/** What a reader takes beside pieces of files, measured: its connection, and what waits for the garbage collector. */
const readerBytes = { plain: 96 * 1024, encrypted: 160 * 1024 }
let readers = 0

/** A connection with TLS keeps as much memory as was ever written to it in one go. This is what all of them together may. */
const encryptedBytes = 4 * 1024 * 1024

function isEncrypted(response: ServerResponse): boolean {
  return response.req.socket instanceof TLSSocket
}

/** Writes pieces, to those who read with TLS the less at a time the more readers there are. */
async function writePieces(response: ServerResponse, pieces: readonly Buffer[], last: boolean): Promise<boolean> {
  if (!isEncrypted(response)) return await writeChunks(response, pieces, last)
  const most = Math.max(16 * 1024, Math.floor(encryptedBytes / readers))
  let left = pieces.reduce((sum, { length }) => sum + length, 0)
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += most) {
      const part = piece.subarray(at, at + most)
      left -= part.length
      if (!(await writeChunks(response, [part], last && left === 0))) return false
    }
  }
  return true
}

const waiting: (() => void)[] = []

/** Gives those a turn that have waited longest, half a millisecond of work in all, and then everything else: requests, other writes. */
function takeTurns(): void {
  for (let pieces = 0; pieces < maxAtOnce; pieces += piecesAtOnce()) waiting.shift()?.()
  if (waiting.length > 0) setImmediate(takeTurns)
}

/** Waits for a turn. A write that the system takes at once would otherwise go on to the next for ever. */
function waitTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(takeTurns)
  })
}

/** Where a sender is after some bytes, or why that is the end. */
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
    // What comes next is read meanwhile.
    for (let index = stop; index < Math.min(stop + chunks.length, Math.ceil(range.end / chunkBytes)); index++) {
      prefetchChunk(file, index)
    }
    return (await writePieces(response, pieces, end === range.end)) ? end : 'aborted'
  } finally {
    for (const chunk of chunks) releaseChunk(chunk)
  }
}

/** How much is sent at a time where the cache has no room: it is full of pieces that slow readers elsewhere have not taken yet. */
const aloneBytes = 32 * 1024
const spare: Buffer[] = []

/** Sends the start of a range past the cache. */
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
 * Sends a range of a file and ends the response. `onSent` is told of the bytes the system has taken.
 * If the file has shrunk or was written to, the connection is cut: a Content-Length and a version have been promised.
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
