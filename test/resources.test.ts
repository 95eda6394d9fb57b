import { expect, test } from 'vitest'
import { Resources } from '../src/resources.ts'

function createLog() {
  const ended: string[] = []
  const sync = (name: string) => ({ [Symbol.dispose]: () => void ended.push(name) })
  const later = (name: string) => ({
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => setTimeout(resolve, 1))
      ended.push(name)
    },
  })
  return { ended, sync, later }
}

test('resources are disposed in reverse order, one after another, if a later step fails', async () => {
  const { ended, sync, later } = createLog()
  const start = async () => {
    await using acquired = new Resources()
    acquired.use(later('first'))
    acquired.use(sync('second'))
    acquired.use(later('third'))
    throw new Error('no fourth')
  }
  await expect(start()).rejects.toThrow('no fourth')
  expect(ended).toEqual(['third', 'second', 'first'])
})

test('kept resources are disposed once, by their new owner', async () => {
  const { ended, later } = createLog()
  const start = async () => {
    await using acquired = new Resources()
    acquired.use(later('one'))
    return acquired.keep()
  }
  const owner = await start()
  expect(ended).toEqual([])
  await owner[Symbol.asyncDispose]()
  await owner[Symbol.asyncDispose]()
  expect(ended).toEqual(['one'])
})
