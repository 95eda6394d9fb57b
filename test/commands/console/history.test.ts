import { expect, test } from 'vitest'
import { historyReader } from '../../../src/commands/console/history.ts'
import { InterruptedError } from '../../../src/errors.ts'
import { recordOf } from '../../../src/metal/record.ts'
import { createTestCloud } from '../../helpers/api-fake.ts'
import { createRecorder } from '../../helpers/recorder.ts'

const record = recordOf({ id: 'm-1', state: 'active' })

test('an interrupt does not wait for a cloud that takes back its capture slowly', async () => {
  const report = createRecorder()
  const { cloud } = await createTestCloud('http://127.0.0.1:9', report)
  const interrupt = new AbortController()
  const readConsoleHistory = async () => {
    interrupt.abort(new InterruptedError('SIGTERM'))
    return await new Promise<string>(() => {})
  }
  const read = historyReader(Object.assign(cloud, { readConsoleHistory }), record, { report, clock: undefined })
  await expect(read?.(interrupt.signal)).rejects.toBe(interrupt.signal.reason)
})

test('a history that cannot be read is empty', async () => {
  const report = createRecorder()
  const { cloud } = await createTestCloud('http://127.0.0.1:9', report)
  const forgetful = Object.assign(cloud, { readConsoleHistory: () => Promise.reject<string>(new Error('no')) })
  const read = historyReader(forgetful, record, { report, clock: undefined })
  expect(await read?.(new AbortController().signal)).toBe('')
})
