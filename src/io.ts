// What a command is given of the world: streams, environment, signals, and the reporter that speaks to people on stderr.
import type { Readable, Writable } from 'node:stream'
import type { Clock } from './clock.ts'
import { type EventFields, formatEvent } from './events.ts'
import { showUnseen } from './text/plain-text.ts'

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
  /** Whether stdout and stderr are the same terminal, file or pipe. */
  outputsMeet?: boolean | undefined
  /** The program between this one and process 1 that does not pass SIGTERM on if the container is stopped (starter.ts). */
  deafStarter?: string | undefined
  /** Aborted by the first signal, or output that cannot be written (stop.ts): stop and clean up. */
  signal: AbortSignal
  /** Aborted by a second SIGINT, SIGTERM or SIGQUIT, a second after the first: stop cleaning up, say what stays behind. */
  forced: AbortSignal
  /** Stops the program as Ctrl-Z does, and returns when it goes on; absent where there is no job control. */
  suspend?: (() => void) | undefined
  /** The system's where it is absent. */
  clock?: Clock | undefined
}

/** How much is said: -1 only errors (-q), 0 the normal lines, 1 details (-v), 2 every request and packet worth a line (-vv). */
export type Verbosity = number

/** Speaks to people, a line at a time, on stderr, and to scripts. Never give it a secret, at any level. */
export interface Reporter {
  readonly verbosity: Verbosity
  /** Whether progress is rewritten in place, so that it may change every second. */
  readonly live: boolean
  error(line: string): void
  warn(line: string): void
  info(line: string): void
  detail(line: string): void
  debug(line: string): void
  /** The line or lines about something that takes long; elsewhere than at a terminal each new text is said once. '' ends it. */
  progress(line: string): void
  /** Draws no progress until disposed, so that a question at the terminal stays readable. */
  hold(): Disposable
  /** Takes note of what a machine writes to stdout: where stderr is the same, the next line begins at the left. */
  overhear(chunk: Buffer): void
  /** Tells scripts what happened; without --json nobody hears it. */
  event<K extends keyof EventFields>(event: K, fields: EventFields[K]): void
}

/** What commands get. */
export interface Context extends Io {
  report: Reporter
  /** Where the values of flags came from, by their name in code: a flag, a variable, a key of metal.yaml. */
  sources?: ReadonlyMap<string, string> | undefined
}

/**
 * Has a terminal that takes nothing (Ctrl-S, a window whose connection stalls) stop nobody: Node's writes to terminals wait.
 * One that Node could not open anew is left alone, since what is changed of it is changed for the shell too.
 */
export function unblock(stream: Writable): void {
  const handle: unknown = Reflect.get(stream, '_handle')
  if (typeof handle !== 'object' || handle === null || Number(Reflect.get(handle, 'fd')) < 3) return
  const setBlocking: unknown = Reflect.get(handle, 'setBlocking')
  if (typeof setBlocking === 'function') Reflect.apply(setBlocking, handle, [false])
}

/** What may wait for a terminal or a pipe that takes nothing; lines beyond it are lost. */
const maxWaitingBytes = 1 << 20

const newline = 0x0a

interface ReporterOptions {
  stderr: Output
  verbosity: Verbosity
  /** A terminal that cannot rewrite a line, or that keeps all that was ever on it, as CI does. */
  plain?: boolean
  /** Whether stdout goes to the same place. */
  outputsMeet?: boolean | undefined
  /** Where events go: stdout with --json. */
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
  // Cut to the terminal's width, so that there are as many rows as lines, also behind the ^C that a terminal shows there.
  const fit = (text: string) =>
    text
      .split('\n')
      .map((line) => line.slice(0, Math.max(20, columns() - 3)))
      .join('\n')
  // A terminal that has become narrower since has broken the lines.
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
