// Accelerated time: an hour's wait is over in seconds, and the order of events stays the same.
import { type Clock, systemClock } from '../../src/clock.ts'

/** A clock that runs `factor` times as fast. */
export function createFastClock(factor: number): Clock {
  const startedMs = Date.now()
  return {
    monotonicMs: () => performance.now() * factor,
    now: () => startedMs + (Date.now() - startedMs) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    toRealMs: (ms) => ms / factor,
  }
}
