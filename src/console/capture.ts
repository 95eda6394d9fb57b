// What keeps a console on disk. Each piece is written at once and waited for, so that the file is complete to the last
// byte whatever ends the program.
import { closeSync, openSync, writeSync } from 'node:fs'
import { ConsoleError, errorCode, UsageError } from '../errors.ts'
import { createAsciicast } from './asciicast.ts'

/** A file that a console is kept in. Disposing closes it. */
export interface Capture extends Disposable {
  /** @throws ConsoleError where it cannot be written any more */
  write(chunk: Buffer): void
  resize(columns: number, rows: number): void
}

/** A file that only grows. @throws UsageError where it cannot be made */
function openFile(flag: string, path: string): { append: (bytes: Buffer) => void; close: () => void } {
  let fd: number
  try {
    fd = openSync(path, 'w')
  } catch (cause) {
    throw new UsageError(`--${flag} "${path}" cannot be written (${errorCode(cause) ?? String(cause)})`, {
      hint: 'name a file in a folder that exists and is yours',
      cause,
    })
  }
  return {
    append(bytes) {
      try {
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      } catch (cause) {
        throw new ConsoleError(
          `--${flag} "${path}" cannot be written any more (${errorCode(cause) ?? String(cause)})`,
          {
            hint: 'make room for it, or name another file',
            cause,
          },
        )
      }
    },
    close: () => closeSync(fd),
  }
}

/** `--log`: the raw bytes. @throws UsageError where it cannot be made */
export function openLog(path: string): Capture {
  const file = openFile('log', path)
  return { write: file.append, resize() {}, [Symbol.dispose]: file.close }
}

/** `--record`: an asciicast that starts now. @throws UsageError where it cannot be made */
export function openRecording(path: string, screen: { columns: number; rows: number }): Capture {
  const file = openFile('record', path)
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
    [Symbol.dispose]() {
      try {
        append(cast.end(seconds()))
      } finally {
        file.close()
      }
    },
  }
}
