import { expect, test } from 'vitest'
import { repeat } from '../../../src/lab/cloud/life/repeat.ts'

const task = () => Promise.reject(new Error('no answer'))

test('an abort between two tries ends them with its reason', async () => {
  const end = new AbortController()
  const reason = new Error('the device is deleted')
  const onTrouble = () => setImmediate(() => end.abort(reason))
  await expect(repeat(task, { retryMs: 60_000, onTrouble }, end.signal)).rejects.toBe(reason)
})
