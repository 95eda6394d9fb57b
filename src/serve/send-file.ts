// Sends bytes of an open file, a piece at a time, waiting for each to be written: memory does not grow with a reader's slowness.
import type { ServerResponse } from 'node:http'
import { chunkBytes, prefetchChunk, releaseChunk, takeChunk } from './chunk-cache.ts'
import type { OpenFile } from './open-file.ts'
import type { ByteRange } from './range.ts'

/** How sending ended: all of it, the client left, or the file is no longer what was promised. */
export type SendOutcome = 'sent' | 'aborted' | 'shrunk' | 'changed'

/** Writes a chunk, or ends with it (or with nothing); fulfilled with false if the connection goes before the system has taken it. */
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

/** Lets everything else that waits have its turn. A write the system takes at once would otherwise go on to the next for ever. */
function yieldTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
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
  let ahead: Promise<void> | undefined
  for (let position = range.start; position < range.end;) {
    const index = Math.floor(position / chunkBytes)
    const end = Math.min(range.end, (index + 1) * chunkBytes)
    const chunk = takeChunk(file, index)
    try {
      if (chunk.ready !== undefined) await chunk.ready
      const bytes = chunk.bytes?.subarray(position - index * chunkBytes, end - index * chunkBytes)
      if (bytes === undefined || bytes.length < end - position) {
        response.destroy()
        return bytes === undefined ? 'changed' : 'shrunk'
      }
      if (end < range.end) ahead = prefetchChunk(file, index + 1)
      if (!(await writeChunk(response, bytes, end === range.end))) {
        chunk.broken = true
        return 'aborted'
      }
      onSent(bytes.length)
    } finally {
      releaseChunk(chunk)
      if (ahead !== undefined) await ahead
    }
    position = end
    if (position < range.end) await yieldTurn()
  }
  return 'sent'
}
