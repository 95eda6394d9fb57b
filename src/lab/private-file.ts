// Files that are their owner's only and are never seen half-written: each is written beside its place and then put there.
import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'

/** Writes a whole file beside `path`, and has `place` put it there. */
export async function writeBeside(path: string, text: string, place: (beside: string) => Promise<void>): Promise<void> {
  const beside = `${path}.${randomUUID()}`
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await place(beside)
  } finally {
    await rm(beside, { force: true })
  }
}

/** Makes `text` a file's text, whether there was one or not. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeBeside(path, text, (beside) => rename(beside, path))
}
