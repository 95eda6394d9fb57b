import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { confirm } from '../../src/commands/shared/confirm.ts'
import { InterruptedError } from '../../src/errors.ts'

/** Asks at a terminal, where these keys are pressed. */
async function ask(keys: string | undefined, signal = new AbortController().signal) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  const stderr = Object.assign(new PassThrough(), { isTTY: true })
  stderr.once('data', () => (keys === undefined ? stdin.end() : stdin.write(keys)))
  return await confirm('Erase?', { stdin, stderr, signal })
}

test.each<[string | undefined, boolean]>([
  ['y\r', true],
  ['YES\r', true],
  ['n\r', false],
  ['\r', false],
  ['yesterday\r', false],
  ['\u0004', false],
  [undefined, false],
])('%j is %s', async (keys, answer) => {
  expect(await ask(keys)).toBe(answer)
})

test('Ctrl-C at the question is an interrupt, and a signal ends it', async () => {
  await expect(ask('\u0003')).rejects.toMatchObject({ name: 'InterruptedError', exitCode: 130 })
  const stop = new AbortController()
  const asking = ask('y', stop.signal)
  stop.abort(new InterruptedError('SIGTERM'))
  await expect(asking).rejects.toBe(stop.signal.reason)
})
