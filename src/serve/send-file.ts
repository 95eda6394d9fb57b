// Sends bytes of an open file. Each response has one buffer of 256 KiB and waits for it to be written, so memory does not grow
// with the file or with a reader's slowness, and as every read goes by the thread pool, small answers get their turn between.
import type { FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import type { ByteRange } from './range.ts'

/** How sending ended: all of it, the client left, or the file has become shorter than was promised. */
export type SendOutcome = 'sent' | 'aborted' | 'shrunk'

const bufferBytes = 256 * 1024
const spareBuffers: Buffer[] = []
const mostSpare = 64

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

/** Reads until the buffer is full or the file ends. */
async function fill(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

/**
 * Sends a range of a file and ends the response. `onSent` is told of the bytes the system has taken.
 * If the file has shrunk the connection is cut: a Content-Length has been promised, and padding would be a lie.
 */
export async function sendFile(
  response: ServerResponse,
  file: FileHandle,
  range: ByteRange,
  onSent: (bytes: number) => void,
): Promise<SendOutcome> {
  const buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytes)
  for (let position = range.start; position < range.end;) {
    const chunk = buffer.subarray(0, Math.min(bufferBytes, range.end - position))
    const filled = await fill(file, chunk, position)
    if (filled < chunk.length) {
      response.destroy()
      return 'shrunk'
    }
    position += filled
    // After a broken write the buffer is not used again: the connection may still refer to it.
    if (!(await writeChunk(response, chunk, position === range.end))) return 'aborted'
    onSent(filled)
  }
  if (spareBuffers.length < mostSpare) spareBuffers.push(buffer)
  return 'sent'
}
