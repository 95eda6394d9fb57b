// Records a console on disk. Each chunk is written immediately and awaited, so that the file is complete to the last
// byte however the program ends. If the file system may hang, a separate process writes the file.
import { close as closeLater, closeSync, constants, fstat, open, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { isatty, WriteStream } from 'node:tty'
import { promisify } from 'node:util'
import { heed } from '../deadline.ts'
import { ConsoleError, UsageError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { isRemote } from '../files/remote.ts'
import { createSteadyOutput } from '../files/steady-output.ts'
import { unblock } from '../io.ts'
import { guardOutput } from '../terminal-output.ts'
import { createAsciicast } from './asciicast.ts'

/** A file that records a console. Disposing closes it, after a short wait for a slow one. */
export interface Capture extends AsyncDisposable {
  /** @throws ConsoleError if it can no longer be written */
  write(chunk: Buffer): void
  resize(columns: number, rows: number): void
  /** Absent if writes complete at once; otherwise the machine waits for a slow reader. */
  readonly stream?: Writable | undefined
}

/** The destination of recorded bytes. */
interface Sink {
  append: (bytes: Buffer) => void
  close: () => void | Promise<void>
  stream?: Writable
}

/** How long to wait at the end for a file that may hang; its process continues to write it. */
const lastWriteMs = 1000

/** A stream for outputs that may block; undefined for files that accept everything at once. */
async function openStream(fd: number): Promise<Writable | undefined> {
  const stats = await promisify(fstat)(fd)
  if (stats.isFIFO()) return new Socket({ fd, readable: false, writable: true })
  if (stats.isFile() && (await isRemote(`/proc/self/fd/${fd}`))) {
    const output = createSteadyOutput(fd)
    closeLater(fd, () => {})
    return output
  }
  if (!isatty(fd)) return undefined
  const terminal = new WriteStream(fd)
  unblock(terminal)
  guardOutput(terminal, fd, () => false)
  return terminal
}

/** Opens a file without blocking the event loop: its file system may hang. */
async function openLater(path: string): Promise<{ fd: number; stream: Writable | undefined }> {
  // Opened this way, a FIFO without a reader is an error, and a terminal does not become the controlling one.
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK, O_NOCTTY } = constants
  const fd = await promisify(open)(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY, 0o666)
  return { fd, stream: await openStream(fd) }
}

/**
 * Opens a file for appending, or a pipe.
 * @throws UsageError if it cannot be created, or if the pipe has no reader; signal.reason
 */
async function openFile(flag: string, path: string, signal: AbortSignal): Promise<Sink> {
  const opening = openLater(path).catch((cause: unknown) => {
    if (errorCode(cause) === 'ENXIO') {
      throw new UsageError(`--${flag} "${path}" is a pipe that nobody reads`, { hint: 'start its reader first', cause })
    }
    throw new UsageError(`--${flag} "${path}" cannot be written: ${describeCondition(cause)}`, {
      hint: 'name a file in an existing folder that you can write to',
      cause,
    })
  })
  const { fd, stream } = await heed(opening, signal)
  const fail = (cause: unknown) =>
    new ConsoleError(`--${flag} "${path}" can no longer be written: ${describeCondition(cause)}`, {
      hint: errorCode(cause) === 'EPIPE' ? 'its reader has exited' : 'free some disk space, or name another file',
      cause,
    })
  if (stream !== undefined) return createStreamSink(stream, fail)
  return {
    append(bytes) {
      try {
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      } catch (cause) {
        throw fail(cause)
      }
    },
    close: () => closeSync(fd),
  }
}

function createStreamSink(stream: Writable, fail: (cause: unknown) => ConsoleError): Sink {
  let failure: unknown
  stream.on('error', (error) => (failure ??= error))
  return {
    append(bytes) {
      if (failure !== undefined) throw fail(failure)
      stream.write(bytes)
    },
    async close() {
      stream.end()
      if (stream.destroyed || stream instanceof Socket) return
      const enough = AbortSignal.timeout(lastWriteMs)
      await finished(stream, { signal: enough }).catch((error: unknown) => {
        if (!enough.aborted) throw fail(error)
      })
    },
    stream,
  }
}

/** `--log`: the raw bytes. @throws UsageError if it cannot be created, signal.reason */
export async function openLog(path: string, signal: AbortSignal): Promise<Capture> {
  const { append, close, stream } = await openFile('log', path, signal)
  return {
    write: append,
    resize() {},
    stream,
    async [Symbol.asyncDispose]() {
      await close()
    },
  }
}

/** `--record`: an asciicast that starts now. @throws UsageError if it cannot be created, signal.reason */
export async function openRecording(
  path: string,
  screen: { columns: number; rows: number },
  signal: AbortSignal,
): Promise<Capture> {
  const file = await openFile('record', path, signal)
  const startedMs = performance.now()
  const seconds = () => (performance.now() - startedMs) / 1000
  const cast = createAsciicast(screen, new Date())
  const append = (line: string) => {
    if (line !== '') file.append(Buffer.from(line))
  }
  append(cast.header)
  return {
    write: (chunk) => append(cast.output(chunk, seconds())),
    resize: (columns, rows) => append(cast.resize(columns, rows, seconds())),
    stream: file.stream,
    async [Symbol.asyncDispose]() {
      try {
        append(cast.end(seconds()))
      } finally {
        await file.close()
      }
    },
  }
}
