import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { LookUps } from '../../src/serve/look-ups.ts'

const never = () => new Promise<never>(() => {})

test('while all that run hang, further look-ups fail', async () => {
  vi.useFakeTimers()
  try {
    const lookUps = new LookUps()
    for (const key of ['a', 'b', 'c']) void lookUps.run(key, never)
    const waiting = lookUps.run('d', async () => 'found')
    await vi.advanceTimersByTimeAsync(3000)
    expect(await waiting).toBeUndefined()
    expect(await lookUps.run('e', async () => 'found')).toBeUndefined()
  } finally {
    vi.useRealTimers()
  }
})

test('a path whose look-up hangs is not looked up again, others are', async () => {
  vi.useFakeTimers()
  try {
    const lookUps = new LookUps()
    void lookUps.run('a', never)
    await vi.advanceTimersByTimeAsync(3000)
    expect(await lookUps.run('a', async () => 'found')).toBeUndefined()
    expect(await lookUps.run('b', async () => 'found')).toBe('found')
  } finally {
    vi.useRealTimers()
  }
})

test('a process that stood still does not take its look-ups for hanging', async () => {
  const lookUps = new LookUps()
  const running = ['a', 'b', 'c'].map((key) => lookUps.run(key, async () => await sleep(50, 'found')))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2600)
  expect(await Promise.all(['a', 'd'].map((key) => lookUps.run(key, async () => 'found')))).toEqual(['found', 'found'])
  expect(await Promise.all(running)).toEqual(['found', 'found', 'found'])
})
