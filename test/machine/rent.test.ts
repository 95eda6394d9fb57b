import { expect, test } from 'vitest'
import { ApiError, InterruptedError } from '../../src/errors.ts'
import { rentMachine } from '../../src/machine/machine.ts'
import { createTestCloud } from '../helpers/api-fake.ts'
import { createRecorder } from '../helpers/recorder.ts'

test('an interrupt does not wait for advice about a refused create, and the refusal is told as it is', async () => {
  const report = createRecorder()
  const { cloud } = await createTestCloud('http://127.0.0.1:9', report)
  const interrupt = new AbortController()
  const refusal = new ApiError('creating a machine: the API answered 422', { status: 422 })
  const refusing = Object.assign(cloud, {
    create: () => Promise.reject(refusal),
    list: async () => [],
    explainRefusal: async () => {
      interrupt.abort(new InterruptedError('SIGTERM'))
      return await new Promise<unknown>(() => {})
    },
  })
  const renting = rentMachine({
    cloud: refusing,
    order: { plan: 'p', place: 'x', hostname: 'h', scriptUrl: 'http://h/x', alwaysPxe: true },
    runId: '6a2f41a3-c54c-4e06-9b0e-0d1c9a1c2f00',
    keep: false,
    report,
    signal: interrupt.signal,
    forced: new AbortController().signal,
  })
  await expect(renting).rejects.toBe(refusal)
})
