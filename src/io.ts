// The outside world as commands see it: streams, environment, signals, and the reporter that prints messages to stderr.
import type { Readable, Writable } from 'node:stream'
import type { Clock } from './clock.ts'
import { type EventFields, formatEvent } from './events.ts'
import { showUnseen } from './text/plain-text.ts'

/** stdin; a terminal has isTTY and raw mode. */
export type Input = Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }

/** stdout or stderr; a terminal has isTTY and a size in characters. */
export type Output = Writable & { isTTY?: boolean; columns?: number; rows?: number }

/** The outside world; program.ts creates it from `process`, tests create their own. */
export interface Io {
  stdin: Input
  /** Results, and the console's bytes. */
  stdout: Output
  /** Messages for people. */
  stderr: Output
  env: Record<string, string | undefined>
  /** Whether stdout and stderr are the same terminal, file or pipe. */
  outputsMeet?: boolean | undefined
  /** The program between this one and process 1 that does not pass SIGTERM on if the container is stopped (starter.ts). */
  deafStarter?: string | undefined
  /** Whether SIGHUP ends nothing, as nohup and `trap '' HUP` ask (starter.ts). */
  isToStay?: boolean | undefined
  /** Aborted by the first signal, output that cannot be written, or `end` (interruption.ts): stop and clean up. */
  signal: AbortSignal
  /** Ends the run early with an error: a time limit. */
  end: (reason: Error) => void
  /** Aborted by a second SIGINT, SIGTERM or SIGQUIT, a second after the first, or by one a second after `end`: stop cleaning up, and report what remains. */
  forced: AbortSignal
  /** Stops the program as Ctrl-Z does, and returns when it continues; absent without job control. */
  suspend?: (() => void) | undefined
  /** Defaults to the system's clock. */
  clock?: Clock | undefined
}

/** Verbosity: -1 only errors (-q), 0 normal lines, 1 details (-v), 2 requests and packets (-vv). */
export type Verbosity = number

/** Prints messages for people on stderr, and events for scripts. Never give it a secret, at any level. */
export interface Reporter {
  readonly verbosity: Verbosity
  /** True if progress is rewritten in place, so that it may change every second. */
  readonly live: boolean
  error(line: string): void
  warn(line: string): void
  info(line: string): void
  detail(line: string): void
  debug(line: string): void
  /** Progress, in one or more lines, rewritten in a terminal; elsewhere each new text is printed once. '' ends it. */
  progress(line: string): void
  /** Draws no progress until disposed, so that a question in the terminal stays readable. */
  hold(): Disposable
  /** Notes a machine's output to stdout: if stderr is the same place, the next message starts on its own line. */
  overhear(chunk: Buffer): void
  /** Writes an event for scripts; does nothing without --json. */
  event<K extends keyof EventFields>(event: K, fields: EventFields[K]): void
}

/** The context of a command. */
export interface Context extends Io {
  report: Reporter
  /** Where the values of flags came from, by their name in code: a flag, a variable, a key of metal.yaml. */
  sources?: ReadonlyMap<string, string> | undefined
}

/**
 * Makes writes to a terminal non-blocking, because Node's writes block if it takes nothing (Ctrl-S, a stalled connection).
 * Leaves a terminal alone that Node could not reopen, since the change would affect the shell too.
 */
export function unblock(stream: Writable): void {
  const handle: unknown = Reflect.get(stream, '_handle')
  if (typeof handle !== 'object' || handle === null || Number(Reflect.get(handle, 'fd')) < 3) return
  const setBlocking: unknown = Reflect.get(handle, 'setBlocking')
  if (typeof setBlocking === 'function') Reflect.apply(setBlocking, handle, [false])
}

/** How much output may wait for a blocked terminal or pipe; further lines are lost. */
const maxWaitingBytes = 1 << 20

const newline = 0x0a

interface ReporterOptions {
  stderr: Output
  verbosity: Verbosity
  /** True for a terminal that cannot rewrite a line, or keeps a log of everything, as CI does. */
  plain?: boolean
  /** True if stdout goes to the same place. */
  outputsMeet?: boolean | undefined
  /** The destination of events: stdout with --json. */
  events?: Writable | undefined
}

/** A reporter on stderr, and on stdout for scripts. */
export function createReporter({ stderr, verbosity, plain, outputsMeet, events }: ReporterOptions): Reporter {
  const live = stderr.isTTY === true && verbosity >= 0 && plain !== true
  let last = ''
  let shown = ''
  let holds = 0
  let midLine = false
  const write = (text: string) => {
    if (stderr.writableLength < maxWaitingBytes) stderr.write(text)
  }
  const columns = () => stderr.columns || 80
  // Cut to the terminal's width, so that lines and rows correspond, even after the terminal's own ^C.
  const fit = (text: string) =>
    text
      .split('\n')
      .map((line) => line.slice(0, Math.max(20, columns() - 3)))
      .join('\n')
  // A terminal that has become narrower has wrapped the lines.
  const clear = () => {
    const rows = shown.split('\n').map((line) => Math.max(1, Math.ceil(line.length / columns())))
    const up = rows.reduce((sum, count) => sum + count, -1)
    return up === 0 ? '\r\u001b[K' : `\r\u001b[${up}A\u001b[J`
  }
  const draw = (above: string) => {
    const before = clear()
    shown = fit(last)
    write(before + above + shown)
  }
  const say = (line: string) => {
    if (midLine) write(stderr.isTTY === true ? '\r\n' : '\n')
    midLine = false
    if (live && last !== '' && holds === 0) draw(`${line}\n`)
    else write(`${line}\n`)
  }
  const sayAt =
    (level: number, prefix = '') =>
    (line: string) => {
      if (verbosity >= level) say(`${prefix}${showUnseen(line)}`)
    }
  return {
    verbosity,
    live,
    error: sayAt(-1, 'metalkit: '),
    warn: sayAt(0, 'warning: '),
    info: sayAt(0),
    detail: sayAt(1),
    debug: sayAt(2),
    progress(text) {
      const line = showUnseen(text)
      if (verbosity < 0 || (line === last && (!live || fit(line) === shown))) return
      last = line
      if (live && holds === 0) draw('')
      else if (!live && line !== '') say(line)
    },
    hold() {
      if (live && shown !== '') write(clear())
      shown = ''
      holds++
      return {
        [Symbol.dispose]() {
          holds--
          if (live && last !== '' && holds === 0) draw('')
        },
      }
    },
    overhear(chunk) {
      midLine = outputsMeet === true && events === undefined && chunk.at(-1) !== newline
    },
    event(event, fields) {
      events?.write(formatEvent(event, fields, new Date()))
    },
  }
}
