// Files that no name leads to any more, so that nothing is left behind, however the lab ends.
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Opens an empty one for writing and reading; a child gets it as a descriptor, and finds it at /dev/fd. */
export async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-'))
  try {
    return await open(join(folder, 'bytes'), 'w+', 0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
