// Time, so that tests can have one that runs faster.
import { setTimeout as delay } from 'node:timers/promises'

/** Time as waits and deadlines know it; tests have one that runs faster. */
export interface Clock {
  /** Milliseconds since 1970; jumps when the computer's clock is set. */
  now(): number
  /** Milliseconds that only ever go on, for patience: a clock that is set, or a laptop that slept, changes nothing. */
  monotonicMs(): number
  /** Waits, ends early by throwing signal.reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** That many of this clock's milliseconds in real ones, for timers of others. */
  toRealMs(ms: number): number
}

/** The computer's own. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
  toRealMs: (ms) => ms,
}
