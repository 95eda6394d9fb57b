// A folder of this computer, as a place to publish to.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../errors.ts'
import { makeFolder } from '../files/make-folder.ts'
import { digestFile, readSource } from './digest.ts'
import { sameDigest } from './manifest.ts'
import { stageFile, writeError } from './staged-file.ts'
import type { Digest, Staged, Store } from './store.ts'
import type { Place } from './verify.ts'

/** A folder; it is made when the first file is written to it. */
export class FolderStore implements Store {
  readonly resumes = false
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async holds(name: string, digest: Digest, signal: AbortSignal): Promise<boolean> {
    const path = join(this.#path, name)
    const stats = await stat(path).catch(() => undefined)
    if (!stats?.isFile() || stats.size !== digest.size) return false
    // What cannot be read is not known to be right, and is written again.
    const found = await digestFile(path, signal).catch(() => undefined)
    signal.throwIfAborted()
    return found !== undefined && sameDigest(found, digest)
  }

  async readText(name: string): Promise<string | undefined> {
    const path = join(this.#path, name)
    return await readFile(path, 'utf8').catch((error: unknown) => {
      // A folder, or a file of somebody else, in the place of a file: writing will say so.
      if (errorCode(error) === undefined) throw error
      return undefined
    })
  }

  async stage(name: string): Promise<Staged> {
    await makeFolder(this.#path).catch((error: unknown) => {
      throw writeError(this.#path, error)
    })
    return await stageFile(join(this.#path, name))
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A folder as a place to read back from. */
export class FolderPlace implements Place {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  locate(name: string): string {
    return join(this.#path, name)
  }

  async open(name: string): Promise<AsyncIterable<Buffer> | undefined> {
    const path = this.locate(name)
    const stats = await stat(path).catch(() => undefined)
    return stats?.isFile() ? readSource(path, () => {}) : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
