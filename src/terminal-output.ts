// Output to a terminal for a job that may be in the background: with `stty tostop` the kernel stops a background job that writes.
import { spawnSync } from 'node:child_process'
import type { WriteStream } from 'node:tty'
import { errorCode } from './text/system-error.ts'
import { isInBackground } from './starter.ts'

/** How long a background job collects its output, since each check of the terminal's settings starts a program. */
const gatherMs = 100
/** How much output is kept for the foreground; older output is lost. */
const maxKeptBytes = 1 << 20

type Done = (error?: Error | null) => void
interface Piece {
  length: number
  write: (done: Done) => void
}

/** Whether a terminal stops background jobs that write to it (`stty tostop`). */
function stopsWriters(fd: number): boolean {
  const { stdout, error } = spawnSync('stty', ['-a'], {
    stdio: [fd, 'pipe', 'ignore'],
    encoding: 'utf8',
    timeout: 1000,
  })
  // If the computer is too busy to answer, output waits, so that the job is not stopped.
  return errorCode(error) === 'ETIMEDOUT' || /(?:^|\s)tostop\b/.test(stdout ?? '')
}

/**
 * Delays a terminal's output until the job may write it. A run that outlives its terminal loses its later output.
 * @returns a function that writes the waiting output; the job may then be stopped until it is in the foreground
 */
export function guardOutput(stream: WriteStream, fd: number, outlives: () => boolean): () => void {
  const write = stream._write.bind(stream)
  const writeMany = stream._writev?.bind(stream)
  let waiting: { piece: Piece; done: Done } | undefined
  let kept: Piece[] = []
  let timer: NodeJS.Timeout | undefined

  const release = () => {
    clearInterval(timer)
    timer = undefined
    const [pieces, last] = [kept, waiting]
    kept = []
    waiting = undefined
    for (const piece of pieces) piece.write((error) => void (error && stream.destroy(error)))
    last?.piece.write(last.done)
  }
  const keep = () => {
    if (waiting === undefined) return
    const { piece, done } = waiting
    waiting = undefined
    kept.push(piece)
    let bytes = kept.reduce((sum, { length }) => sum + length, 0)
    while (bytes > maxKeptBytes && kept.length > 1) bytes -= kept.shift()?.length ?? 0
    done()
  }
  const look = () => {
    if (!isInBackground()) release()
    else if (waiting !== undefined) (stopsWriters(fd) ? keep : release)()
  }
  const take = (piece: Piece, done: Done) => {
    if (kept.length === 0 && !isInBackground()) return piece.write(done)
    waiting = { piece, done }
    timer ??= setInterval(look, gatherMs)
  }

  const forgive = (done: Done) => (error?: Error | null) =>
    done(errorCode(error) === 'EIO' && outlives() ? null : error)
  stream._write = (chunk: Buffer | string, encoding, done) =>
    take({ length: chunk.length, write: (written) => write(chunk, encoding, forgive(written)) }, done)
  stream._writev = (chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], done) => {
    const length = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0)
    take({ length, write: (written) => writeMany?.(chunks, forgive(written)) }, done)
  }
  return release
}
