// Files whose name is already deleted, so that nothing is left behind, however the lab ends.
import { type FileHandle, mkdtemp, open, rmdir, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Opens an empty nameless file for reading and writing; a child process inherits its descriptor and opens it at /dev/fd. */
export async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-'))
  const path = join(folder, 'bytes')
  try {
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  } finally {
    await rmdir(folder)
  }
}
