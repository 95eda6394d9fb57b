// The events that end a run early: signals, output that cannot be written, a vanished parent, a time limit, a defect. One act of a
// user can arrive as several events at once: `timeout` signals its child and then the child's group, npm forwards the Ctrl-C that
// the terminal has already sent, and closing a terminal makes output fail and sends SIGHUP twice.
import { InterruptedError } from './errors.ts'

/** Signals that express a user's request, sent directly or through a program. Only these can force, and only as the second one. */
const words: ReadonlySet<string> = new Set<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGQUIT'])

/** Signals that would kill the program silently, or open Node's debugger: they end a run in order. */
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
  // The kernel sends these two to a background job that uses its terminal, which this program avoids (terminal-input.ts).
  'SIGTTIN',
  'SIGTTOU',
] as const satisfies readonly NodeJS.Signals[]

/** Events that arrive within this time of the first one belong to it. */
export const oneActMs = 1000

/** The two signals that commands receive, and the functions that abort them. */
export interface Stop {
  /** Aborted by the first event. */
  readonly signal: AbortSignal
  /** Aborted by a second request of the user, or by the first one after the run has ended by itself. */
  readonly forced: AbortSignal
  /** A signal arrived. */
  hear(name: NodeJS.Signals): void
  /** Anything else that ends the run; it never forces. */
  end(reason: Error): void
}

/** Calls back once the events of one act have arrived. A timer alone would fire before signals that wait for a busy program. */
function afterOneAct(callback: () => void): void {
  setTimeout(() => setImmediate(callback), oneActMs).unref()
}

/** Creates the state of a run that has not been stopped. */
export function createStop(): Stop {
  const first = new AbortController()
  const second = new AbortController()
  let word: 'none' | 'fresh' | 'settled' = 'none'
  let isSameAct = true
  const end = (reason: Error) => {
    if (first.signal.aborted) return
    first.abort(reason)
    afterOneAct(() => (isSameAct = false))
  }
  return {
    signal: first.signal,
    forced: second.signal,
    end,
    hear(name) {
      const isWord = words.has(name)
      const { reason } = first.signal
      // The signal describes the user's act better than its consequences, whichever arrived first.
      if (isWord && word === 'none' && isSameAct && reason instanceof InterruptedError) reason.rename(name)
      end(new InterruptedError(name))
      if (!isWord) return
      // When the run ends for another reason than a signal, it announces that one signal gives up (interrupt-notice.ts).
      const isAfterEnd = word === 'none' && !isSameAct && !(reason instanceof InterruptedError)
      if (word === 'settled' || isAfterEnd) second.abort(new InterruptedError(name))
      if (word !== 'none') return
      word = 'fresh'
      afterOneAct(() => (word = 'settled'))
    },
  }
}
