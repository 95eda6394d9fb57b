// Patience with what does not answer: a task that is tried until it succeeds.
import { systemClock } from '../../../clock.ts'
import { describeError } from '../../../errors.ts'

/** How a task is repeated. */
export interface Patience {
  /** Between two tries. */
  retryMs: number
  /** Called with each new reason for a failure. */
  onTrouble: (why: string) => void
}

/** Tries a task until it succeeds. @throws the signal's reason, even if the task succeeds after the abort */
export async function repeat(task: () => Promise<void>, patience: Patience, signal: AbortSignal): Promise<void> {
  for (let lastWhy = ''; ;) {
    try {
      await task()
      return signal.throwIfAborted()
    } catch (error) {
      signal.throwIfAborted()
      const why = describeError(error)
      if (why !== lastWhy) patience.onTrouble(why)
      lastWhy = why
      await systemClock.sleep(patience.retryMs, signal)
    }
  }
}
