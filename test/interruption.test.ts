import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { InterruptedError } from '../src/errors.ts'
import { createStop, oneActMs } from '../src/interruption.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

type Event = NodeJS.Signals | 'SIGPIPE' | 'time limit'

/** Plays events with the milliseconds before each. @returns how the run ends, and whether it is forced */
async function play(...events: [afterMs: number, event: Event][]) {
  const stop = createStop()
  for (const [afterMs, event] of events) {
    await vi.advanceTimersByTimeAsync(afterMs)
    if (event === 'SIGPIPE') stop.end(new InterruptedError('SIGPIPE'))
    else if (event === 'time limit') stop.end(new Error('the time is over'))
    else stop.hear(event)
  }
  const { reason } = stop.signal
  return { code: reason instanceof InterruptedError ? reason.exitCode : 0, forced: stop.forced.aborted }
}

describe('one stop', () => {
  test.each<[string, [number, Event][], number]>([
    ['Ctrl-C alone', [[0, 'SIGINT']], 130],
    [
      'Ctrl-C that npm forwards',
      [
        [0, 'SIGINT'],
        [1, 'SIGINT'],
      ],
      130,
    ],
    [
      'timeout: the child, then its group',
      [
        [0, 'SIGTERM'],
        [1, 'SIGTERM'],
      ],
      143,
    ],
    [
      'the shell and the kernel when a terminal closes',
      [
        [0, 'SIGHUP'],
        [2000, 'SIGHUP'],
      ],
      129,
    ],
    [
      'SIGTERM and SIGHUP',
      [
        [0, 'SIGTERM'],
        [1, 'SIGHUP'],
      ],
      143,
    ],
    [
      'SIGHUP and SIGTERM',
      [
        [0, 'SIGHUP'],
        [1, 'SIGTERM'],
      ],
      143,
    ],
    [
      'Ctrl-C with tee: EPIPE first',
      [
        [0, 'SIGPIPE'],
        [1, 'SIGINT'],
      ],
      130,
    ],
    [
      'Ctrl-C with tee: EPIPE last',
      [
        [0, 'SIGINT'],
        [1, 'SIGPIPE'],
      ],
      130,
    ],
    [
      'a reader that exited, and a Ctrl-C later',
      [
        [0, 'SIGPIPE'],
        [3000, 'SIGINT'],
      ],
      141,
    ],
    [
      'any other signal twice',
      [
        [0, 'SIGUSR2'],
        [3000, 'SIGUSR2'],
      ],
      140,
    ],
  ])('%s', async (_, events, code) => {
    expect(await play(...events)).toEqual({ code, forced: false })
  })
})

describe('a second signal', () => {
  test('counts only if it comes a second after the first', async () => {
    expect(await play([0, 'SIGINT'], [oneActMs + 1, 'SIGINT'])).toEqual({ code: 130, forced: true })
    expect(await play([0, 'SIGINT'], [1, 'SIGINT'], [oneActMs, 'SIGTERM'])).toEqual({ code: 130, forced: true })
  })

  test('is the first one if the time limit has ended the run a second ago', async () => {
    expect(await play([0, 'time limit'], [oneActMs + 1, 'SIGTERM'])).toEqual({ code: 0, forced: true })
    expect(await play([0, 'time limit'], [oneActMs - 1, 'SIGTERM'])).toEqual({ code: 0, forced: false })
    expect(await play([0, 'time limit'], [1, 'SIGTERM'], [oneActMs + 1, 'SIGTERM'])).toEqual({ code: 0, forced: true })
    expect(await play([0, 'time limit'], [3000, 'SIGHUP'])).toEqual({ code: 0, forced: false })
  })

  test('is never SIGHUP, and does not count after SIGHUP', async () => {
    expect((await play([0, 'SIGINT'], [3000, 'SIGHUP'])).forced).toBe(false)
    expect((await play([0, 'SIGHUP'], [3000, 'SIGTERM'])).forced).toBe(false)
  })
})
