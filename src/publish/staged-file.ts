// A file that is published: written while more of it is made, down to the disk.
import { constants } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { type AtomicFile, createAtomicFile, ObstacleError } from '../files/atomic-file.ts'
import { describeCondition, errorCode, PublishError } from '../errors.ts'
import { InFlight } from './in-flight.ts'
import type { Staged } from './store.ts'

/** How much is written before the disk is asked to take it: left to the end, all of it would have to be waited for. */
const syncBytes = 32e6

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space or choose another destination',
  EDQUOT: 'free some space or choose another destination',
  EISDIR: 'a folder of that name is in the way',
  ENOTDIR: 'a file is in the way of a folder',
  EEXIST: 'a file is in the way of a folder',
}

/** A PublishError for what the file system refused; anything else as it is. */
export function writeError(path: string, error: unknown): unknown {
  if (error instanceof ObstacleError && error.code === 'EEXIST') {
    return new PublishError(`"${path}" cannot be written: it is ${error.what}`, {
      hint: 'remove it, or choose another destination',
      cause: error,
    })
  }
  const code = errorCode(error)
  if (error instanceof PublishError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error
  return new PublishError(`"${path}" cannot be written: ${describeCondition(error)}`, {
    hint: hints[code] ?? 'choose a destination you may write to',
    cause: error,
  })
}

/** A file on its way to its place. Disposing it before commit removes every trace of it. */
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
   * Writes the content, down to the disk. While a chunk is written the next one is made, and while more is written the
   * disk takes what came before.
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
        // Nothing may still be writing when the file is closed.
        await Promise.allSettled([writes.finish(), syncs.finish()])
      }
      await writes.finish()
      // What a disk could not take it says once: the sync at the end would know nothing of it.
      await syncs.finish()
      await this.#handle.sync()
    }, signal)
  }

  /** Makes it a copy of a file, on file systems that can by sharing its blocks. The copying itself is not interrupted. */
  async copy(source: string, signal: AbortSignal): Promise<void> {
    await this.#attempt(async () => {
      // copyFile brings the mode of the source along; a server is to read the copy of a private file too.
      const { mode } = await this.#handle.stat()
      await copyFile(source, this.#file.temporary, constants.COPYFILE_FICLONE)
      await this.#handle.chmod(mode & 0o777)
      await this.#handle.sync()
    }, signal)
  }

  /** Puts the file in its place. */
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

/** Starts a file that will stand at `path`; its folder exists. @throws PublishError when the folder takes no files */
export async function stageFile(path: string): Promise<StagedFile> {
  try {
    return new StagedFile(await createAtomicFile(path))
  } catch (error) {
    throw writeError(path, error)
  }
}
