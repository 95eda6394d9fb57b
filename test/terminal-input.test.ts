import { PassThrough } from 'node:stream'
import type { ReadStream } from 'node:tty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TerminalInput } from '../src/terminal-input.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a terminal at which nobody types is looked at ten times a second, and fifty times while somebody does', async () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, isRaw: false, setRawMode() {} })
  let looks = 0
  terminal.on('resume', () => looks++)
  const looksInTwoSeconds = async () => {
    looks = 0
    await vi.advanceTimersByTimeAsync(2000)
    return looks
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parts of a terminal that TerminalInput uses
  const input = new TerminalInput(terminal as unknown as ReadStream)
  let typed = ''
  input.on('data', (chunk: Buffer) => (typed += String(chunk)))
  const idle = await looksInTwoSeconds()
  expect(idle).toBeGreaterThanOrEqual(15)
  expect(idle).toBeLessThanOrEqual(20)

  terminal.write('x')
  await vi.advanceTimersByTimeAsync(200)
  expect(typed).toBe('x')
  const typing = await looksInTwoSeconds()
  expect(typing).toBeGreaterThan(60)
  expect(typing).toBeLessThanOrEqual(100)

  await vi.advanceTimersByTimeAsync(5000)
  expect(await looksInTwoSeconds()).toBeLessThanOrEqual(20)
  input.destroy()
})
