// What ends a run early: signals, output that cannot be written, a parent that vanished, a defect. One act of a user can
// arrive as several of these at once: `timeout` signals its child and then the child's group, npm forwards the Ctrl-C that
// the terminal has sent already, a terminal that closes fails the output and sends SIGHUP twice.
import { InterruptedError } from './errors.ts'

/** Signals that are a word of the user, or of a program that speaks for one. Only these force, and only as a second word. */
const words: ReadonlySet<string> = new Set<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGQUIT'])

/** Signals that end other programs without a word, or open Node's debugger: they end a run in order. */
export const stopSignals = [
  'SIGINT',
  'SIGTERM',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGXCPU',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
  'SIGSYS',
  'SIGABRT',
] as const satisfies readonly NodeJS.Signals[]

/** All that arrives within this time of the first word belongs to it. */
export const oneActMs = 1000

/** The two signals that commands are given, and what aborts them. */
export interface Stop {
  /** Aborted by the first event. */
  readonly signal: AbortSignal
  /** Aborted by a second word of the user. */
  readonly forced: AbortSignal
  /** A signal arrived. */
  hear(name: NodeJS.Signals): void
  /** Anything else that ends the run; it never forces. */
  end(reason: Error): void
}

/** A run that nothing has ended yet. */
export function createStop(): Stop {
  const first = new AbortController()
  const second = new AbortController()
  let word: 'none' | 'fresh' | 'settled' = 'none'
  let isSameAct = true
  const end = (reason: Error) => {
    if (first.signal.aborted) return
    first.abort(reason)
    setTimeout(() => (isSameAct = false), oneActMs).unref()
  }
  return {
    signal: first.signal,
    forced: second.signal,
    end,
    hear(name) {
      const isWord = words.has(name)
      const { reason } = first.signal
      // The word names the act better than its consequences do, whichever came first.
      if (isWord && word === 'none' && isSameAct && reason instanceof InterruptedError) reason.rename(name)
      end(new InterruptedError(name))
      if (!isWord) return
      if (word === 'settled') second.abort(new InterruptedError(name))
      if (word !== 'none') return
      word = 'fresh'
      // A timer alone would be heard before the signals that waited for a busy program.
      setTimeout(() => setImmediate(() => (word = 'settled')), oneActMs).unref()
    },
  }
}
