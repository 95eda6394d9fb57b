import { getEventListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { abortAfter, settleBefore, within } from '../src/deadline.ts'

function throwLate(): never {
  throw new Error('too late')
}

test('a promise that settles in time is the outcome, and leaves no timer and no listener', async () => {
  vi.useFakeTimers()
  try {
    const { signal } = new AbortController()
    expect(await settleBefore<string>({ ms: 10, late: String, signal }, (resolve) => resolve('in time'))).toBe(
      'in time',
    )
    const refused = settleBefore<string>({ ms: 10, late: String, signal }, (_resolve, reject) =>
      reject(new Error('no')),
    )
    await expect(refused).rejects.toThrow('no')
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('when the time is over, the outcome is the value of late, or its error', async () => {
  expect(await settleBefore<string>({ ms: 1, late: () => 'late' }, () => {})).toBe('late')
  const tooLate = settleBefore<string>({ ms: 1, late: throwLate }, () => {})
  await expect(tooLate).rejects.toThrow('too late')
})

test('a signal ends the wait with its reason, even if it was aborted before', async () => {
  const ended = new AbortController()
  const waiting = settleBefore<string>({ ms: 60_000, late: () => 'late', signal: ended.signal }, () => {})
  ended.abort(new Error('interrupted'))
  await expect(waiting).rejects.toThrow('interrupted')
  const start = vi.fn<() => void>()
  await expect(settleBefore<string>({ ms: 1, late: () => 'late', signal: ended.signal }, start)).rejects.toThrow('int')
  expect(start).not.toHaveBeenCalled()
})

test('within aborts with the signal, or when the time is over', async () => {
  const ended = new AbortController()
  const soon = within(1, ended.signal)
  await expect.poll(() => soon.aborted).toBe(true)
  expect(soon.reason).toHaveProperty('name', 'TimeoutError')
  const patient = within(60_000, ended.signal)
  ended.abort('why')
  expect(patient.reason).toBe('why')
})

test('settleBefore takes a promise as well', async () => {
  expect(await settleBefore<string>({ ms: 60_000, late: String }, Promise.resolve('in time'))).toBe('in time')
  const never = new Promise<string>(() => {})
  expect(await settleBefore<string>({ ms: 1, late: () => 'late' }, never)).toBe('late')
})

test('abortAfter waits for the first signal and then for the delay, and gives its own reason', async () => {
  const first = new AbortController()
  using late = abortAfter(first.signal, 1, () => 'the reason')
  await setTimeout(20)
  expect(late.signal.aborted).toBe(false)
  first.abort()
  await expect.poll(() => late.signal.aborted).toBe(true)
  expect(late.signal.reason).toBe('the reason')
})

test('a disposed abortAfter never aborts', async () => {
  const first = new AbortController()
  const late = abortAfter(first.signal, 1)
  first.abort()
  late[Symbol.dispose]()
  await setTimeout(20)
  expect(late.signal.aborted).toBe(false)
})

test('within aborts also if memory is cleaned up before the time is over', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const { signal } = new AbortController()
  let fired = 0
  const listen = () => within(500, signal).addEventListener('abort', () => fired++)
  for (let times = 0; times < 20; times++) listen()
  for (let times = 0; times < 5; times++) {
    await setTimeout(20)
    collect()
  }
  await vi.waitUntil(() => fired === 20, { timeout: 10_000 })
})
