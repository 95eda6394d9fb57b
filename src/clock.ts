// The clock, which tests replace with a faster one.
import { setTimeout as delay } from 'node:timers/promises'

/** The clock for waits and deadlines; tests use a faster one. */
export interface Clock {
  /** Milliseconds since 1970; jumps when the computer's clock is set. */
  now(): number
  /** Monotonic milliseconds for timeouts: setting the clock or suspending the laptop does not affect them. */
  monotonicMs(): number
  /** Waits, ends early by throwing signal.reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Converts this clock's milliseconds to real ones, for timers of other code. */
  toRealMs(ms: number): number
}

/** The computer's own clock. */
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
