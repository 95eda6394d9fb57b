// Files that only their owner can read, and that are never half-written.
import { link } from 'node:fs/promises'
import { createAtomicFile, replaceFile } from '../../files/atomic-file.ts'
import { errorCode } from '../../text/system-error.ts'

const ownerOnly = 0o600

/** Writes a file atomically, whether or not it exists. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await replaceFile(path, text, ownerOnly)
}

/** The same for a file that means nothing after a power failure, so that nobody waits for the disk. */
export async function writePassingFile(path: string, text: string): Promise<void> {
  await replaceFile(path, text, ownerOnly, false)
}

/** Creates a file with `text`, unless another process creates it first. */
export async function createPrivateFile(path: string, text: string): Promise<void> {
  await using file = await createAtomicFile(path, ownerOnly)
  await file.handle.writeFile(text)
  await file.handle.sync()
  await link(file.temporary, path).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error
  })
}
