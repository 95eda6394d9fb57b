// Time that runs faster, so that an hour's patience is over in seconds and its order with everything else stays.
import { type Clock, systemClock } from '../../src/clock.ts'

/** A clock on which `factor` seconds pass in one. */
export function createFastClock(factor: number): Clock {
  const startedMs = Date.now()
  return {
    monotonicMs: () => performance.now() * factor,
    now: () => startedMs + (Date.now() - startedMs) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    toRealMs: (ms) => ms / factor,
  }
}
