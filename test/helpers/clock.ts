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

/** The same for a client of an API with signed dates: the time of day is the computer's, which the API knows too. */
export function createDatedClock(factor: number): Clock {
  return { ...createFastClock(factor), now: () => systemClock.now() }
}

/** A clock that stands still between waits, so that a slow computer delays nothing on it. */
export interface StepClock extends Clock {
  /** Calls a function once this time has passed on the clock. */
  later(ms: number, act: () => void): void
  /** Lets time pass until every call has been made. */
  finish(): void
}

/** A clock on which time passes only in its waits, which take `factor` times less. */
export function createStepClock(factor: number): StepClock {
  const startedMs = Date.now()
  let passedMs = 0
  const calls: { dueMs: number; act: () => void }[] = []
  const passUntil = (ms: number) => {
    passedMs = Math.max(passedMs, ms)
    calls.sort((one, other) => one.dueMs - other.dueMs)
    while (calls[0] !== undefined && calls[0].dueMs <= passedMs) calls.shift()?.act()
  }
  return {
    monotonicMs: () => passedMs,
    now: () => startedMs + passedMs,
    async sleep(ms, signal) {
      const endMs = passedMs + ms
      await systemClock.sleep(ms / factor, signal)
      passUntil(endMs)
    },
    toRealMs: (ms) => ms / factor,
    later: (ms, act) => void calls.push({ dueMs: passedMs + ms, act }),
    finish: () => passUntil(Math.max(0, ...calls.map(({ dueMs }) => dueMs))),
  }
}
