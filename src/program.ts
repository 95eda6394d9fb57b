// The program's edge: signals, streams, the environment and the exit code. Only this file calls process.exit.
import { closeSync, fstatSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { isatty, WriteStream } from 'node:tty'
import { run } from './cli.ts'
import { abortAfter, heed } from './deadline.ts'
import { ConsoleError, describeError, exitCodes, InterruptedError } from './errors.ts'
import { describeCondition, errorCode } from './text/system-error.ts'
import { isSameFile, mayHang } from './files/remote.ts'
import { type Io, type Output, unblock } from './io.ts'
import {
  findDeafStarter,
  isInBackground,
  isOnTerminalOfOthers,
  isStartedToStay,
  takeHangupNote,
  watchNpm,
} from './starter.ts'
import { createStop, stopSignals } from './interruption.ts'
import { TerminalInput } from './terminal-input.ts'
import { guardOutput } from './terminal-output.ts'

const lastWordsMs = 1000
/** Each output in use, with the function that writes its remaining data. */
const outputs = new Map<Output, () => void>()
/** Outputs that are files on a file system that may hang, by descriptor. */
const steady = new Map<number, Output>()
const stop = createStop()

let input: NodeJS.ReadStream | TerminalInput | PassThrough | undefined
let isHeeding = false
let isToStay = takeHangupNote(process.env)
// Node has reset the signal by now; it must not end the rest of the start either.
if (isToStay) process.on('SIGHUP', () => {})

/** Handles everything that may end a run. Installed when a command first reads its signal: help does not need it, and would be slower. */
function heedEnds(): void {
  if (isHeeding) return
  isHeeding = true
  isToStay ||= isStartedToStay(process.env)
  for (const name of stopSignals) {
    // Only Linux shows whether a job may use its terminal; with a handler the program must not try (terminal-input.ts).
    if (name.startsWith('SIGTT') && process.platform !== 'linux' && isatty(0)) continue
    try {
      process.on(name, () => {
        if (name !== 'SIGHUP' || !isToStay) stop.hear(name)
      })
    } catch {
      // This system has no such signal.
    }
  }
  if (isToStay) return
  watchNpm(process.env, () =>
    stop.end(new InterruptedError('SIGTERM', 'npm, which started this run, has ended; the run ends as if by SIGTERM')),
  )
}

// A defect in a callback must not leak a machine: the run is aborted and cleans up.
process.on('uncaughtException', (error) => stop.end(error))

/** Why the run must end if its output cannot be written: a reader that left (`| head`), a closed terminal, a full disk. */
function reasonOf(error: unknown, isTerminal: boolean): Error {
  const code = errorCode(error)
  if (code === 'EPIPE') return new InterruptedError('SIGPIPE')
  if (code === 'EIO' && isTerminal) return new InterruptedError('SIGHUP')
  return new ConsoleError(`the output cannot be written (${describeCondition(error)})`, { cause: error })
}

/** Unwritable output must not leak a machine either. */
function guard(stream: Output, fd: 1 | 2): Output {
  if (outputs.has(stream)) return stream
  stream.on('error', (error) => {
    const isTerminal = stream.isTTY === true
    if (!(isToStay && isTerminal && errorCode(error) === 'EIO')) stop.end(reasonOf(error, isTerminal))
  })
  if (stream.isTTY) unblock(stream)
  outputs.set(stream, stream instanceof WriteStream ? guardOutput(stream, fd, () => isToStay) : () => {})
  return stream
}

function isSteady(stream: Output): boolean {
  return [...steady.values()].includes(stream)
}

/** Redirects outputs that may hang to another process. */
async function steadyOutputs(): Promise<void> {
  const fds = [1, 2].filter(mayHang)
  if (fds.length === 0) return
  const { takeOverOutputs } = await import('./files/steady-output.ts')
  for (const [fd, stream] of takeOverOutputs(fds, outputsMeet)) steady.set(fd, stream)
}

/** Waits until results are written; after a failure only for a moment, since a terminal may stay blocked. */
async function drain(code: number): Promise<void> {
  for (const release of outputs.values()) release()
  const slow = [...outputs.keys()].filter(
    (stream) => !stream.destroyed && (stream.writableLength > 0 || isSteady(stream)),
  )
  if (slow.length === 0) return
  using late = abortAfter(code === 0 ? stop.signal : AbortSignal.abort(), lastWordsMs)
  const writes = slow.map(async (stream) => {
    await new Promise<void>((resolve) => {
      const settle = () => resolve()
      // A file that may hang is complete when its writer has ended.
      if (isSteady(stream)) stream.once('error', settle).end(settle)
      else stream.write('', settle)
    })
  })
  await heed(Promise.all(writes), late.signal).catch(() => {})
}

/** Whether stdout and stderr are the same: a terminal, or a file or pipe with `2>&1`. */
const outputsMeet = isSameFile(1, 2)

/**
 * Closes terminals before Node's exit, which resets their modes: for a closed terminal it would abort with a stack trace, and a
 * background job's terminal belongs to its shell.
 */
function dropTerminals(): void {
  const isAway = isInBackground()
  if (isAway) input?.destroy()
  for (const fd of [0, 1, 2]) {
    try {
      if (fstatSync(fd).isCharacterDevice() && (isAway || !isatty(fd))) closeSync(fd)
    } catch {
      // It is closed already.
    }
  }
}

/** Restores the terminal for the shell, however the program ends. */
function restoreTerminal(): void {
  if (!isInBackground() && process.stdin.isRaw && isatty(0)) process.stdin.setRawMode(false)
}

/**
 * Stops the whole job, as the terminal does on Ctrl-Z, so that a wrapper such as npx stops too. Returns when the job continues,
 * or at once if no shell could continue it, since the system does not stop such a job.
 */
function suspend(): void {
  process.kill(0, 'SIGTSTP')
}

const hungMs = 500

/** What process.exit() would wait for, deaf to signals: the threads of file system calls and name look-ups. */
function findHang(): 'a file system' | 'a name server' | undefined {
  const active = process.getActiveResourcesInfo()
  if (active.some((name) => name.startsWith('FSReq'))) return 'a file system'
  return active.some((name) => /^Get(?:Addr|Name)InfoReq/.test(name)) ? 'a name server' : undefined
}

/** Waits a moment for them. A look-up ends by itself within half a minute, unless a signal ends the program first. */
async function awaitThreads(): Promise<ReturnType<typeof findHang>> {
  const endMs = performance.now() + hungMs
  for (let what = findHang(); what !== undefined; what = findHang()) {
    const isHopeless = what === 'a file system' || stop.signal.reason instanceof InterruptedError
    if (isHopeless && performance.now() > endMs) return what
    await sleep(10)
  }
  return undefined
}

/** Ends the program without waiting for its threads, which only a signal does. */
function endByForce(what: string): void {
  const { reason } = stop.signal
  const signal = reason instanceof InterruptedError ? reason.signal : 'SIGKILL'
  const err = steady.get(2) ?? process.stderr
  err.write(`metalkit: ${what} does not respond; exiting without waiting for it\n`)
  restoreTerminal()
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  process.kill(process.pid, 'SIGKILL')
}

/** Ends the program; output that could not be written counts as a failure. */
async function finish(code: number): Promise<void> {
  // The last output may be written in the background, where a terminal with `stty tostop` stops the job until fg.
  process.removeAllListeners('SIGTTOU').removeAllListeners('SIGTTIN')
  await drain(code)
  // A failed write is reported one turn later.
  await new Promise(setImmediate)
  const { reason } = stop.signal
  const isUnreported = code === 0 && reason instanceof ConsoleError
  if (isUnreported) {
    const stderr = steady.get(2) ?? process.stderr
    stderr.write(`metalkit: ${describeError(reason)}\n`)
    await drain(reason.exitCode)
  }
  const hang = await awaitThreads()
  if (hang !== undefined) endByForce(hang)
  dropTerminals()
  process.exit(isUnreported ? reason.exitCode : code)
}

/** Opens stdin; a terminal is restored at the end. */
function openStdin(): NodeJS.ReadStream | TerminalInput {
  process.once('exit', restoreTerminal)
  // A closing terminal is an error of stdin, even if nothing reads it.
  process.stdin.on('error', () => {})
  return process.stdin.isTTY ? new TerminalInput(process.stdin).on('error', () => {}) : process.stdin
}

const io: Io = {
  // Each stream is created on first use: --help needs only one of the three.
  get stdin() {
    // Reading the terminal would stop a job started with &, with a rented machine. Files and pipes are read.
    const isOthers = isatty(0) && (isInBackground() || isOnTerminalOfOthers())
    return (input ??= isOthers ? new PassThrough() : openStdin())
  },
  get stdout() {
    return guard(steady.get(1) ?? process.stdout, 1)
  },
  get stderr() {
    return guard(steady.get(2) ?? process.stderr, 2)
  },
  get deafStarter() {
    return findDeafStarter()
  },
  get isToStay() {
    heedEnds()
    return isToStay
  },
  outputsMeet,
  env: process.env,
  get signal() {
    heedEnds()
    return stop.signal
  },
  forced: stop.forced,
  end: (reason) => stop.end(reason),
  ...(process.platform === 'win32' ? {} : { suspend }),
}

/** Runs a command line. With `rest`, it has been answered already, except for these bytes. */
export async function main(argv: readonly string[], rest: Buffer | undefined): Promise<void> {
  // Removes a token that was given as a flag from the process list.
  if (argv.some((arg) => /^--?api-key/.test(arg))) process.title = 'metalkit'
  await steadyOutputs()
  if (rest === undefined) return await finish(await run(argv, io))
  io.stdout.write(rest)
  await finish(exitCodes.success)
}
