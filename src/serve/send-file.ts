// Sends bytes of an open file, a piece at a time, waiting for each to be written: memory does not grow with a reader's slowness.
import type { ServerResponse } from 'node:http'
import { chunkBytes, countUsed, prefetchChunk, releaseChunk, takeChunk } from './chunk-cache.ts'
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
const mostAtOnce = 8
/** With more pieces in use each reader is written one at a time. */
const plenty = 48

/** How many pieces are written at a time. */
function piecesAtOnce(): number {
  return countUsed() + mostAtOnce <= plenty ? mostAtOnce : 1
}

const waiting: (() => void)[] = []

/** Gives those a turn that have waited longest, half a millisecond of work in all, and then everything else: requests, other writes. */
function takeTurns(): void {
  for (let pieces = 0; pieces < mostAtOnce; pieces += piecesAtOnce()) waiting.shift()?.()
  if (waiting.length > 0) setImmediate(takeTurns)
}

/** Waits for a turn. A write that the system takes at once would otherwise go on to the next for ever. */
function waitTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(takeTurns)
  })
}

/**
 * Sends the start of a range, up to the piece `stop`.
 * @returns where it is then, or why that is the end
 */
async function sendPieces(
  response: ServerResponse,
  file: OpenFile,
  range: ByteRange,
  stop: number,
): Promise<number | Exclude<SendOutcome, 'sent'>> {
  const first = Math.floor(range.start / chunkBytes)
  const end = Math.min(range.end, stop * chunkBytes)
  const chunks = Array.from({ length: stop - first }, (_, at) => takeChunk(file, first + at))
  try {
    for (const { ready } of chunks) if (ready !== undefined) await ready
    const pieces: Buffer[] = []
    for (const [at, { bytes }] of chunks.entries()) {
      const start = (first + at) * chunkBytes
      if (bytes === undefined) return file.hasShrunk() ? 'shrunk' : 'changed'
      pieces.push(bytes.subarray(Math.max(0, range.start - start), end - start))
    }
    // What comes next is read meanwhile.
    for (let index = stop; index < Math.min(stop + chunks.length, Math.ceil(range.end / chunkBytes)); index++) {
      prefetchChunk(file, index)
    }
    return (await writeChunks(response, pieces, end === range.end)) ? end : 'aborted'
  } finally {
    for (const chunk of chunks) releaseChunk(chunk)
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
  const last = Math.ceil(range.end / chunkBytes)
  for (let position = range.start; position < range.end;) {
    const stop = Math.min(last, Math.floor(position / chunkBytes) + piecesAtOnce())
    const reached = await sendPieces(response, file, { start: position, end: range.end }, stop)
    if (typeof reached === 'string') {
      if (reached !== 'aborted') response.destroy()
      return reached
    }
    onSent(reached - position)
    position = reached
    if (position < range.end) await waitTurn()
  }
  return 'sent'
}
