// A local file being published: written to disk while the rest of it is produced.
import { constants } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { type AtomicFile, createAtomicFile, ObstacleError } from '../files/atomic-file.ts'
import { PublishError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { InFlight } from './parallel.ts'
import type { Staged } from './store.ts'

/** Bytes between syncs: one sync at the end would have to wait for the whole file. */
const syncBytes = 32e6

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space or choose another destination',
  EDQUOT: 'free some space or choose another destination',
  EISDIR: 'a folder with that name is in the way',
  ENOTDIR: 'a file is in the way of a folder',
  EEXIST: 'a file is in the way of a folder',
}

/** Turns a file system error into a PublishError; returns other errors unchanged. */
export function writeError(path: string, error: unknown): unknown {
  if (error instanceof ObstacleError && error.code === 'EEXIST') {
    return new PublishError(`"${path}" cannot be written: it is ${error.what}`, {
      hint: 'remove it, or choose another destination',
      cause: error,
    })
  }
  const code = errorCode(error)
  if (error instanceof PublishError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error
  // The folder above exists, but file systems such as /proc and /sys accept no new files.
  const why = code === 'ENOENT' ? 'nothing can be created there' : describeCondition(error)
  return new PublishError(`"${path}" cannot be written: ${why}`, {
    hint: hints[code] ?? 'choose a destination you may write to',
    cause: error,
  })
}

/** A staged file. Disposing it before commit removes every trace of it. */
export class StagedFile implements Staged {
  readonly #file: AtomicFile
  readonly #handle: AtomicFile['handle']

  constructor(file: AtomicFile) {
    this.#file = file
    this.#handle = file.handle
  }

  get path(): string {
    return this.#file.path
  }

  /**
   * Writes the content to disk. While a chunk is written, the next one is produced, and while more is written, the
   * earlier chunks are synced.
   * @throws PublishError when the file system refuses, the signal's reason when it is aborted
   */
  async write(content: string | AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    await this.#attempt(async () => {
      const writes = new InFlight(1)
      const syncs = new InFlight(1)
      let unsynced = 0
      try {
        for await (const chunk of typeof content === 'string' ? [content] : content) {
          signal.throwIfAborted()
          await writes.start(async () => await writeFile(this.#handle, chunk))
          unsynced += chunk.length
          if (unsynced >= syncBytes) {
            unsynced = 0
            await syncs.start(async () => await this.#handle.datasync())
          }
        }
      } finally {
        // No write may be running when the file is closed.
        await Promise.allSettled([writes.finish(), syncs.finish()])
      }
      await writes.finish()
      // A disk reports a write error only once: the final sync would not repeat it.
      await syncs.finish()
      await this.#handle.sync()
    }, signal)
  }

  /** Copies a file, sharing its blocks if the file system can. The copy itself cannot be interrupted. */
  async copy(source: string, signal: AbortSignal): Promise<void> {
    await this.#attempt(async () => {
      // copyFile copies the mode too, but a server must be able to read the copy of a private file.
      const { mode } = await this.#handle.stat()
      await copyFile(source, this.#file.temporary, constants.COPYFILE_FICLONE)
      await this.#handle.chmod(mode & 0o777)
      await this.#handle.sync()
    }, signal)
  }

  /** Moves the file into place. */
  async commit(): Promise<void> {
    await this.#attempt(async () => await this.#file.place())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]()
  }

  async #attempt<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      signal?.throwIfAborted()
      const result = await work()
      signal?.throwIfAborted()
      return result
    } catch (error) {
      signal?.throwIfAborted()
      throw writeError(this.path, error)
    }
  }
}

/** Starts a file for `path`, whose folder exists. @throws PublishError if the folder accepts no files */
export async function stageFile(path: string): Promise<StagedFile> {
  try {
    return new StagedFile(await createAtomicFile(path))
  } catch (error) {
    throw writeError(path, error)
  }
}
