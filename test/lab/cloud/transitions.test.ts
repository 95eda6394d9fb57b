import { expect, test } from 'vitest'
import { Transitions } from '../../../src/lab/cloud/transitions.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('transitions run one at a time, even after a failure', async () => {
  const transitions = new Transitions()
  const done: string[] = []
  const failures: unknown[] = []
  const fail = (error: unknown) => void failures.push(error)
  transitions.enqueue(async () => {
    await turn()
    done.push('first')
  }, fail)
  transitions.enqueue(() => Promise.reject(new Error('no room')), fail)
  transitions.enqueue(async () => void done.push('third'), fail)
  await transitions.settled
  expect([done, failures]).toEqual([['first', 'third'], [new Error('no room')]])
})

test('an abort ends the running transition and drops the queued ones; later ones run', async () => {
  const transitions = new Transitions()
  const done: string[] = []
  const fail = () => void done.push('a failure is told')
  transitions.enqueue(
    (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          done.push('ended')
          reject(new Error('aborted'))
        }),
      ),
    fail,
  )
  transitions.enqueue(async () => void done.push('begun'), fail)
  await new Promise((resolve) => setImmediate(resolve))
  transitions.abort()
  transitions.enqueue(async () => void done.push('later'), fail)
  await transitions.settled
  expect(done).toEqual(['ended', 'later'])
})
