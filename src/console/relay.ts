// The session itself: bytes both ways between the serial line and the user's streams, until one of them ends it.
import { ConsoleError } from '../errors.ts'
import type { Input, Output, Reporter } from '../io.ts'
import type { Line } from './attempts.ts'
import { createEscapeParser, escapeHelp } from './escape.ts'
import type { Matcher } from './matcher.ts'
import { enterRawMode } from './terminal.ts'

/** Why a session ended: the user left, the pattern showed, or the server ended it. */
export type ConsoleEnding = 'left' | 'matched' | 'closed'

/** A reader that takes nothing any more is not waited for longer than this once the run is told to stop. */
const abortedDrainMs = 500

export interface RelayOptions {
  stdin: Input
  stdout: Output
  report: Reporter
  matcher: Matcher | undefined
  /** Called once, before the first bytes are shown. */
  onOutput: (() => void) | undefined
  signal: AbortSignal
}

/** Waits until all that was written is taken. */
async function drain(stdout: Output, signal: AbortSignal): Promise<void> {
  if (stdout.destroyed || stdout.writableLength === 0) return
  await new Promise<void>((resolve) => {
    const giveUp = () => setTimeout(resolve, abortedDrainMs).unref()
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
    stdout.write('', () => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    })
  })
}

/** What the keyboard, or whatever stdin is, does: types, and at a terminal leaves or asks for help. */
function readInput(
  { channel }: Line,
  { stdin, report }: RelayOptions,
  over: AbortSignal,
  leave: () => void,
): (chunk: Buffer) => void {
  if (stdin.isTTY !== true) {
    return (chunk) => {
      if (channel.write(chunk)) return
      stdin.pause()
      channel.once('drain', () => {
        if (!over.aborted) stdin.resume()
      })
    }
  }
  // A keyboard is read on whatever the line does: `~.` must work when nothing else does any more.
  const escapes = createEscapeParser()
  return (chunk) => {
    const { send, actions } = escapes.push(chunk)
    if (send.length > 0) channel.write(send)
    if (actions.includes('help')) for (const line of escapeHelp) report.info(line)
    if (actions.includes('leave')) leave()
  }
}

/**
 * Carries the session until it ends. What the machine printed is written out before this returns.
 * The terminal is raw only in between. The end of stdin is not the end of the session.
 * @throws ConsoleError where the connection breaks, or the signal's reason
 */
export async function relay(line: Line, options: RelayOptions): Promise<ConsoleEnding> {
  const { channel, connection } = line
  const { stdin, stdout, report, matcher, onOutput, signal } = options
  signal.throwIfAborted()
  const over = new AbortController()
  let end = (_outcome: ConsoleEnding | { error: unknown }) => {}
  const ending = new Promise<ConsoleEnding>((resolve, reject) => {
    end = (outcome) => (typeof outcome === 'string' ? resolve(outcome) : reject(outcome.error))
  })

  let first = true
  const show = (chunk: Buffer) => {
    if (over.signal.aborted) return
    if (first) onOutput?.()
    first = false
    if (!stdout.write(chunk)) {
      channel.pause()
      channel.stderr.pause()
      stdout.once('drain', () => {
        channel.resume()
        channel.stderr.resume()
      })
    }
    if (matcher?.push(chunk)) end('matched')
  }

  // A channel that the server closes is ended by then; one that is still open when the connection goes was cut off.
  let cutOff = false
  const noteClose = () => (cutOff ||= !channel.writableEnded)
  connection.client.once('end', noteClose).once('close', noteClose)
  channel.once('close', () => {
    const why = connection.failure()?.message
    const error = () => new ConsoleError(`the session broke off${why === undefined ? '' : `: ${why}`}`)
    end(cutOff ? { error: error() } : 'closed')
  })

  const onInput = readInput(line, options, over.signal, () => end('left'))
  const onInputError = (error: Error) => report.detail(`console: stdin failed: ${error.message}`)
  const onOutputError = (error: Error) =>
    end({ error: new ConsoleError(`stdout cannot be written: ${error.message}`, { cause: error }) })
  const onResize = () => channel.setWindow(stdout.rows || 24, stdout.columns || 80, 0, 0)
  signal.addEventListener('abort', () => end({ error: signal.reason }), { signal: over.signal })
  const raw = enterRawMode(stdin)
  try {
    channel.on('data', show)
    channel.stderr.on('data', show)
    stdout.on('error', onOutputError).on('resize', onResize)
    stdin.on('data', onInput).on('error', onInputError)
    return await ending
  } finally {
    over.abort()
    stdin.off('data', onInput).off('error', onInputError).pause()
    stdout.off('resize', onResize)
    raw[Symbol.dispose]()
    await drain(stdout, signal)
    stdout.off('error', onOutputError)
  }
}
