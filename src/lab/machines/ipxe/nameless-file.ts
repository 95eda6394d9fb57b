// Files whose name is already deleted, so that nothing is left behind, however the lab ends.
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Opens an empty nameless file for reading and writing; a child process inherits its descriptor and opens it at /dev/fd. */
export async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-'))
  try {
    return await open(join(folder, 'bytes'), 'w+', 0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
