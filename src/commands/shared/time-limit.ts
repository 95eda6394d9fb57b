// Without a terminal, --timeout limits the whole run; in a terminal, it limits only the waits.
import { systemClock } from '../../clock.ts'
import { MachineError, PatternError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { ConsoleOptions } from '../../options/command-flags.ts'
import { formatDuration } from '../../text/duration.ts'

/** The longest wait for a machine to come up, and for --wait-for, unless --timeout sets another. */
export const defaultTimeoutMs = 30 * 60_000

const hint = 'allow more time with --timeout'

/** The error of a wait for a pattern whose time is over; `seen` describes the machine's last known state. */
export function patternTimeout(pattern: RegExp | undefined, timeoutMs: number, seen = ''): PatternError {
  const detail = seen === '' ? '' : ` (${seen})`
  return new PatternError(`the console did not show ${pattern} within ${formatDuration(timeoutMs)}${detail}`, { hint })
}

/** The time limit of a run. */
export interface TimeLimit {
  /** Aborts with the run's error when the time is over. */
  signal: AbortSignal
  /** The run ends by itself: nothing that it still does is limited. */
  stop(): void
}

/**
 * Starts the time limit of a whole run: without a terminal, and with --timeout or --wait-for. It ends the run as a signal does.
 * @param what names the run in its error
 * @returns undefined if the run has no limit
 */
export function startTimeLimit(options: ConsoleOptions, context: Context, what = 'run'): TimeLimit | undefined {
  const { timeout, waitFor } = options
  if (context.stdin.isTTY === true || (timeout === undefined && waitFor.length === 0)) return undefined
  const { clock = systemClock } = context
  const timeoutMs = timeout ?? defaultTimeoutMs
  const limit = new AbortController()
  const [pattern] = waitFor
  const timer = setTimeout(() => {
    const late = new MachineError(`the ${what} did not end within ${formatDuration(timeoutMs)}`, { hint })
    const reason = pattern === undefined ? late : patternTimeout(pattern, timeoutMs)
    limit.abort(reason)
    context.end(reason)
  }, clock.toRealMs(timeoutMs))
  timer.unref()
  return { signal: limit.signal, stop: () => clearTimeout(timer) }
}
