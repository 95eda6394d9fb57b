// Files whose reads cannot hang. A read from a file system whose server hangs (NFS, FUSE) never returns, takes a thread
// away from all other files and name look-ups, and even process.exit() waits for it: that must not happen while a machine costs money.
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { heed } from '../deadline.ts'
import { ImageError } from '../errors.ts'
import { describeCondition } from '../text/system-error.ts'
import { isRemote } from '../files/remote.ts'

/** A file to read from. Disposing it discards the copy. */
export interface SteadyFile extends AsyncDisposable {
  path: string
  isCopy: boolean
}

/**
 * The file itself if its file system is local, otherwise an unlinked copy, so that nothing is left
 * behind however the program ends. @throws ImageError if it cannot be copied
 */
export async function openSteady(path: string, signal: AbortSignal): Promise<SteadyFile> {
  if (!(await heed(isRemote(path), signal)))
    return { path, isCopy: false, [Symbol.asyncDispose]: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-'))
  try {
    const copy = join(folder, 'copy')
    await pipeline(createReadStream(path), createWriteStream(copy, { mode: 0o600 }), { signal })
    const handle = await open(copy)
    return { path: `/proc/self/fd/${handle.fd}`, isCopy: true, [Symbol.asyncDispose]: async () => await handle.close() }
  } catch (cause) {
    signal.throwIfAborted()
    throw new ImageError(`"${path}" cannot be copied to "${tmpdir()}" (${describeCondition(cause)})`, {
      hint: 'it is on a file system that may hang, so it is served from a copy; set TMPDIR to a folder with more space',
      cause,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
