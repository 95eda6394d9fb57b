// A local folder as a store.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../text/system-error.ts'
import { makeFolder } from '../files/make-folder.ts'
import { digestFile, readSource } from './digest.ts'
import { sameDigest } from './manifest.ts'
import { stageFile, writeError } from './staged-file.ts'
import type { Digest, Staged, Store } from './store.ts'
import type { PublishedPlace } from './verify.ts'

/** A local folder, created when the first file is written to it. */
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
    // A file that cannot be read may be wrong, so it is written again.
    const existing = await digestFile(path, signal).catch(() => undefined)
    signal.throwIfAborted()
    return existing !== undefined && sameDigest(existing, digest)
  }

  async readText(name: string): Promise<string | undefined> {
    const path = join(this.#path, name)
    return await readFile(path, 'utf8').catch((error: unknown) => {
      // A folder, or another user's file, is in the way: writing will report it.
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

/** A local folder as a place to verify. */
export class FolderPlace implements PublishedPlace {
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
