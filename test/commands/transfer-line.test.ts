import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { renderTransfer, TransferLine } from '../../src/commands/shared/transfer-line.ts'
import { createReporter } from '../../src/io.ts'

test.each([
  [0, 1000, 0, '[--------------------] 0% of 1.0 kB'],
  [50e6, 200e6, 500, '[#####---------------] 25% of 200.0 MB, 100.0 MB/s, 1s left'],
  [200e6, 200e6, 2000, '[####################] 100% of 200.0 MB, 100.0 MB/s, 0s left'],
])('%d of %d after %d ms', (done, total, ms, expected) => {
  expect(renderTransfer(done, total, ms)).toBe(expected)
})

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function watch(isTTY: boolean) {
  let text = ''
  const stderr = Object.assign(new PassThrough(), { isTTY })
  stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { transfer: new TransferLine(createReporter({ stderr, verbosity: 0 }), 'pushing'), said: () => text }
}

test('rewrites one line in a terminal, and removes it at the end', () => {
  const { transfer, said } = watch(true)
  transfer.start(1000)
  transfer.add(500)
  vi.advanceTimersByTime(200)
  expect(said()).toBe('\r\u001b[Kpushing [##########----------] 50% of 1.0 kB, 2.5 kB/s, 0s left')
  transfer[Symbol.dispose]()
  expect(said().endsWith('\r\u001b[K')).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})

test('prints a line now and then elsewhere', () => {
  const { transfer, said } = watch(false)
  transfer.start(1000)
  vi.advanceTimersByTime(9_000)
  expect(said()).toBe('')
  transfer.add(500)
  vi.advanceTimersByTime(1_000)
  expect(said()).toBe('pushing [##########----------] 50% of 1.0 kB, 50 bytes/s, 10s left\n')
  transfer[Symbol.dispose]()
  expect(said().split('\n')).toHaveLength(2)
})
