// Writing to a terminal whose job may be in the background, where `stty tostop` has the kernel stop whoever writes.
import { spawnSync } from 'node:child_process'
import type { WriteStream } from 'node:tty'
import { errorCode } from './errors.ts'
import { isInBackground } from './starter.ts'

/** How long a background job gathers what it writes, since each look at the terminal's settings starts a program. */
const gatherMs = 100
/** What is kept for the foreground; older output is lost. */
const mostKeptBytes = 1 << 20

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
  // On a computer that is too busy to answer, output waits rather than that the job is stopped.
  return errorCode(error) === 'ETIMEDOUT' || /(?:^|\s)tostop\b/.test(stdout ?? '')
}

/**
 * Has a terminal's output wait until the job may write it. A run that outlives its terminal loses what it writes afterwards.
 * @returns what writes all that waits; with nothing left to lose, the job may be stopped until it is in the foreground
 */
export function guardOutput(stream: WriteStream, fd: 1 | 2, outlives: () => boolean): () => void {
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
    while (bytes > mostKeptBytes && kept.length > 1) bytes -= kept.shift()?.length ?? 0
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
