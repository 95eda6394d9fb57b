import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BufferPool, splitParts } from '../../src/publish/s3-parts.ts'

async function* stream(chunks: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('ab')
  throw new Error('broken')
}

test('splits any stream completely into parts of one size, except the last', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 30 })),
      fc.integer({ min: 1, max: 20 }),
      async (chunks, size) => {
        const pool = new BufferPool(1, size)
        const parts: Buffer[] = []
        const mores: boolean[] = []
        for await (const { bytes, more } of splitParts(stream(chunks), pool)) {
          parts.push(Buffer.from(bytes))
          mores.push(more)
          pool.release(bytes)
        }
        expect(Buffer.concat(parts).equals(Buffer.concat(chunks))).toBe(true)
        expect(parts.slice(0, -1).every(({ length }) => length === size)).toBe(true)
        expect(mores).toEqual(parts.map((_, i) => i < parts.length - 1))
        expect(parts.every(({ length }) => length > 0 && length <= size)).toBe(true)
      },
    ),
  )
})

test('uses no more memory than the pool, however long the streams and however slow the consumers', async () => {
  const pool = new BufferPool(3, 4)
  const memories = new Set<ArrayBufferLike>()
  let held = 0
  let most = 0
  const drain = async () => {
    const sending: Promise<void>[] = []
    for await (const { bytes } of splitParts(stream(Array.from({ length: 200 }, () => Buffer.alloc(7))), pool)) {
      memories.add(bytes.buffer)
      most = Math.max(most, ++held)
      sending.push(
        new Promise((resolve) =>
          setImmediate(() => {
            held--
            pool.release(bytes)
            resolve()
          }),
        ),
      )
    }
    await Promise.all(sending)
  }
  await Promise.all([drain(), drain()])
  expect(memories.size).toBe(3)
  expect(most).toBeLessThanOrEqual(3)
})

test('returns the buffer it was filling if the stream breaks', async () => {
  const pool = new BufferPool(1, 4)
  const parts = splitParts(broken(), pool)
  await expect(parts.next()).rejects.toThrow('broken')
  expect((await pool.acquire()).length).toBe(4)
})
