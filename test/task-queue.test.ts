import { expect, test } from 'vitest'
import { TaskQueue } from '../src/task-queue.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('tasks run one at a time, even after a failure', async () => {
  const queue = new TaskQueue()
  const done: string[] = []
  const failures: unknown[] = []
  const fail = (error: unknown) => void failures.push(error)
  queue.add(async () => {
    await turn()
    done.push('first')
  }, fail)
  queue.add(() => Promise.reject(new Error('no room')), fail)
  queue.add(async () => void done.push('third'), fail)
  await queue.settled
  expect([done, failures]).toEqual([['first', 'third'], [new Error('no room')]])
})

test('an abort ends the running task and drops the queued ones; later ones run', async () => {
  const queue = new TaskQueue()
  const done: string[] = []
  const fail = () => void done.push('a failure is told')
  queue.add(
    (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          done.push('ended')
          reject(new Error('aborted'))
        }),
      ),
    fail,
  )
  queue.add(async () => void done.push('begun'), fail)
  await new Promise((resolve) => setImmediate(resolve))
  queue.abort()
  queue.add(async () => void done.push('later'), fail)
  await queue.settled
  expect(done).toEqual(['ended', 'later'])
})
