// Files that only their owner can read, and that are never half-written.
import { link } from 'node:fs/promises'
import * as atomic from '../../files/atomic-file.ts'
import { errorCode } from '../../errors.ts'

const ownerOnly = 0o600

/** Writes a file atomically, whether it exists or not. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await atomic.replaceFile(path, text, ownerOnly)
}

/** Creates a file with `text`, unless another process creates it first. */
export async function createFile(path: string, text: string): Promise<void> {
  await using file = await atomic.createAtomicFile(path, ownerOnly)
  await file.handle.writeFile(text)
  await file.handle.sync()
  await link(file.temporary, path).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error
  })
}
