// Sends bytes of an open file, a piece at a time, waiting for each to be written: memory does not grow with a reader's slowness.
import type { ServerResponse } from 'node:http'
import { chunkBytes, countUsed, prefetchChunk, releaseChunk, takeChunk } from './chunk-cache.ts'
import type { OpenFile } from './open-file.ts'
import type { ByteRange } from './range.ts'

/** How sending ended: all of it, the client left, or the file is no longer what was promised. */
export type SendOutcome = 'sent' | 'aborted' | 'shrunk' | 'changed'

/**
 * Writes a chunk, or ends with it (or with nothing); fulfilled with false if the connection goes before the system has taken it.
 * Either way nothing refers to the chunk afterwards: a socket has ended its writes before it is closed.
 */
export function writeChunk(response: ServerResponse, chunk: Buffer | undefined, last: boolean): Promise<boolean> {
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
    if (last) response.end(chunk, (error?: Error | null) => settle(!error))
    else response.write(chunk, (error) => settle(!error))
  })
}

/** One system call for eight pieces costs a quarter less than eight for one each. */
const mostAtOnce = 8
/** With more pieces in use each reader is written one at a time: 256 that take none of them keep 100 MiB. */
const plenty = 160

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

/** Writes pieces in one system call. @returns whether the system took all of them */
async function writeTogether(response: ServerResponse, pieces: readonly Buffer[], last: boolean): Promise<boolean> {
  const { socket } = response.req
  socket.cork()
  const written = pieces.map((bytes, at) => writeChunk(response, bytes, last && at === pieces.length - 1))
  socket.uncork()
  return (await Promise.all(written)).every((taken) => taken)
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
    return (await writeTogether(response, pieces, end === range.end)) ? end : 'aborted'
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
