// The session itself: bytes in both directions between the serial line and the user's streams, until one side ends it.
import type { Writable } from 'node:stream'
import { abortAfter, heed } from '../deadline.ts'
import { ConsoleError } from '../errors.ts'
import type { Input, Output, Reporter } from '../io.ts'
import type { SerialShell } from './attempts.ts'
import type { Capture } from './capture.ts'
import { createKeyboard, type MachineActions } from './keyboard.ts'
import { enterRawMode } from '../terminal-input.ts'
import type { TerminalModes } from './terminal-modes.ts'
import type { Watch } from './watch.ts'
import { startWatching } from './session-watch.ts'

/** Why a session ended: the user left, the patterns appeared, a failure appeared, or the line was lost. */
export type RelayEnding =
  | { kind: 'left' }
  | { kind: 'matched' }
  | { kind: 'failed'; pattern: RegExp; line: string }
  | { kind: 'dropped'; why: string }

/** After an interrupt, wait no longer than this for a reader that takes nothing. */
const abortedDrainMs = 500

export interface RelayOptions {
  stdin: Input
  stdout: Output
  report: Reporter
  /** Prints a line of metalkit's own beside the machine's output. */
  say: (line: string) => void
  watch: Watch | undefined
  captures: readonly Capture[]
  modes: TerminalModes
  actions: MachineActions
  /** A pattern of --wait-for appeared. */
  onMatch: (pattern: RegExp) => void
  /** Called before bytes are printed. */
  onOutput: () => void
  /** The machine's output from before, which comes first. */
  before?: Buffer | undefined
  signal: AbortSignal
}

/** Waits until all written data has been taken. */
async function drain(stdout: Writable, signal: AbortSignal): Promise<void> {
  if (stdout.destroyed || stdout.writableLength === 0) return
  using late = abortAfter(signal, abortedDrainMs)
  const lastWrite = new Promise<void>((resolve) => {
    stdout.write('', () => resolve())
  })
  await heed(lastWrite, late.signal).catch(() => {})
}

/** The size of Node's reads from a pipe: up to this much is written at once. */
const writeBytes = 65_536

/** Waits until a stream accepts more data, or closes. */
async function becomeFree(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle)
      resolve()
    }
    stream.on('drain', settle).on('close', settle)
  })
}

/** Combines data that arrives together into few writes, which also saves the reader work; a slow reader makes the machine wait. */
function createWriter({ channel }: SerialShell, stdout: Output, others: readonly Writable[]): (chunk: Buffer) => void {
  const wait = async (full: readonly Writable[]) => {
    channel.pause()
    channel.stderr.pause()
    await Promise.all(full.map(becomeFree))
    channel.resume()
    channel.stderr.resume()
  }
  const flush = () => {
    stdout.uncork()
    // A file or a pipe has taken everything by now, even beyond its high-water mark.
    const full = [stdout, ...others].filter(
      (stream) => stream.writableNeedDrain && stream.writableLength > 0 && !stream.destroyed,
    )
    if (full.length > 0 && !channel.isPaused()) void wait(full)
  }
  return (chunk) => {
    if (stdout.writableCorked === 0) {
      stdout.cork()
      queueMicrotask(flush)
    }
    stdout.write(chunk)
    if (stdout.writableLength < writeBytes) return
    flush()
    stdout.cork()
  }
}

function streamsOf(captures: readonly Capture[]): Writable[] {
  return captures.flatMap(({ stream }) => (stream === undefined ? [] : [stream]))
}

/** Handles the machine's bytes: prints, records and watches them. */
function readOutput(
  line: SerialShell,
  { stdout, report, captures, modes, onOutput }: RelayOptions,
  watch: (chunk: Buffer) => void,
): (chunk: Buffer) => void {
  const write = createWriter(line, stdout, streamsOf(captures))
  return (chunk) => {
    onOutput()
    for (const capture of captures) capture.write(chunk)
    report.overhear(chunk)
    modes.note(chunk)
    write(chunk)
    watch(chunk)
  }
}

/**
 * Runs the session until it ends. All of the machine's output is written before this returns.
 * The terminal is in raw mode only meanwhile. The end of stdin does not end the session.
 * @throws ConsoleError if stdout or a capture cannot be written, or the signal's reason
 */
export async function relay(line: SerialShell, options: RelayOptions): Promise<RelayEnding> {
  const { channel, connection } = line
  const { stdin, stdout, report, captures, signal } = options
  signal.throwIfAborted()
  const over = new AbortController()
  let end = (_outcome: RelayEnding | { error: unknown }) => {}
  const ending = new Promise<RelayEnding>((resolve, reject) => {
    end = (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome))
  })

  using watching = options.watch && startWatching(options.watch, line.channel, { end, onMatch: options.onMatch })
  const output = readOutput(line, options, (chunk) => watching?.push(chunk))
  const show = (chunk: Buffer) => {
    if (over.signal.aborted) return
    try {
      output(chunk)
    } catch (error) {
      end({ error })
    }
  }

  // A channel that the server closed has ended by now; a channel that is still open when the connection closes was cut off.
  let cutOff = false
  const noteClose = () => (cutOff ||= !channel.writableEnded)
  connection.client.once('end', noteClose).once('close', noteClose)
  const onClose = () => {
    watching?.finish()
    const why = cutOff ? (connection.failure()?.message ?? 'the connection broke') : 'the server closed the session'
    end({ kind: 'dropped', why })
  }
  channel.once('close', onClose)

  const onInputError = (error: Error) => report.detail(`console: stdin failed: ${error.message}`)
  const onOutputError = (error: Error) =>
    end({ error: new ConsoleError(`stdout cannot be written: ${error.message}`, { cause: error }) })
  const resize = () => {
    const [rows, columns] = [stdout.rows || 24, stdout.columns || 80]
    channel.setWindow(rows, columns, 0, 0)
    for (const capture of captures) capture.resize(columns, rows)
  }
  signal.addEventListener('abort', () => end({ error: signal.reason }), { signal: over.signal })
  let raw = enterRawMode(stdin)
  const keyboard = createKeyboard(line, options, over.signal, {
    leave: () => end({ kind: 'left' }),
    release: () => {
      raw[Symbol.dispose]()
      options.modes.restore()
    },
    seize: () => {
      raw = enterRawMode(stdin)
      resize()
    },
  })
  try {
    if (options.before !== undefined && options.before.length > 0) show(options.before)
    // It may have closed while the output from before was read.
    if (channel.closed) onClose()
    channel.on('data', show).resume()
    channel.stderr.on('data', show)
    stdout.on('error', onOutputError).on('resize', resize)
    // A stream that an earlier session paused does not flow by itself.
    stdin.on('data', keyboard).on('error', onInputError).resume()
    return await ending
  } finally {
    over.abort()
    stdin.off('data', keyboard).off('error', onInputError).pause()
    stdout.off('resize', resize)
    raw[Symbol.dispose]()
    await Promise.all([stdout, ...streamsOf(captures)].map(async (stream) => await drain(stream, signal)))
    stdout.off('error', onOutputError)
  }
}
