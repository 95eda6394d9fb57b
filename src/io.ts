// What a command is given of the world: streams, environment, signals, and the reporter that speaks to people on stderr.
import type { Readable, Writable } from 'node:stream'

/** stdin as a command sees it: a terminal has isTTY and raw mode. */
export type Input = Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }

/** stdout or stderr as a command sees it: a terminal has isTTY and a size in characters. */
export type Output = Writable & { isTTY?: boolean; columns?: number; rows?: number }

/** The world outside the program; bin.ts makes it from `process`, tests make their own. */
export interface Io {
  stdin: Input
  /** Results, and the console's bytes. */
  stdout: Output
  /** Everything said to people. */
  stderr: Output
  env: Record<string, string | undefined>
  /** Aborted with an InterruptedError by the first SIGINT, SIGTERM or SIGHUP: stop and clean up. */
  signal: AbortSignal
  /** Aborted by the second such signal: stop cleaning up, say what stays behind. */
  forced: AbortSignal
}

/** How much is said: -1 only errors (-q), 0 the normal lines, 1 details (-v), 2 every request and packet worth a line (-vv). */
export type Verbosity = number

/** Speaks to people, a line at a time, on stderr. Never give it a secret, at any level. */
export interface Reporter {
  readonly verbosity: Verbosity
  error(line: string): void
  warn(line: string): void
  info(line: string): void
  detail(line: string): void
  debug(line: string): void
  /** The live line about something that takes long; at a terminal it is rewritten in place, elsewhere each new text is a line. '' ends it. */
  progress(line: string): void
}

/** What commands get. */
export interface Context extends Io {
  report: Reporter
}

/** A reporter on a stream. */
export function createReporter(stderr: Output, verbosity: Verbosity): Reporter {
  let last = ''
  let live = ''
  const clear = '\r\u001b[K'
  const fit = (line: string) => line.slice(0, Math.max(20, (stderr.columns ?? 80) - 1))
  const say = (line: string) => {
    stderr.write(live === '' ? `${line}\n` : `${clear}${line}\n${fit(live)}`)
  }
  const sayAt =
    (level: number, prefix = '') =>
    (line: string) => {
      if (verbosity >= level) say(`${prefix}${line}`)
    }
  return {
    verbosity,
    error: sayAt(-1, 'metalkit: '),
    warn: sayAt(0, 'warning: '),
    info: sayAt(0),
    detail: sayAt(1),
    debug: sayAt(2),
    progress(line) {
      if (verbosity < 0 || line === last) return
      last = line
      if (stderr.isTTY) {
        live = line
        stderr.write(clear + fit(line))
      } else if (line !== '') {
        say(line)
      }
    },
  }
}
