// A file that appears whole or not at all: written beside its place under a name of its own, and moved there at the end.
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../errors.ts'

/** Refuses to replace something that is not a plain file; the code is one of the file system's. */
export class ObstacleError extends Error {
  readonly code: 'EISDIR' | 'EEXIST'
  /** What has the name: `a folder`, `a device` … */
  readonly what: string

  constructor(path: string, what: string) {
    super(`"${path}" is ${what}`)
    this.what = what
    this.code = what === 'a folder' ? 'EISDIR' : 'EEXIST'
  }
}

function describeKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a named pipe'
  return stats.isSocket() ? 'a socket' : 'a device'
}

/**
 * Checks that a file may be put at a path: nothing has the name, or a plain file. A link is replaced as a link, but not one that
 * leads to something else, such as /dev/stdout.
 * @throws ObstacleError, or the error of the file system
 */
export async function checkReplaceable(path: string): Promise<void> {
  for (const look of [lstat, stat]) {
    const stats = await look(path).catch((error: unknown) => {
      // A link that leads nowhere, or in a circle, is replaced.
      if (errorCode(error) === 'ENOENT' || (look === stat && errorCode(error) === 'ELOOP')) return undefined
      throw error
    })
    if (stats === undefined) return
    const what = stats.isSymbolicLink() ? undefined : describeKind(stats)
    if (what !== undefined) throw new ObstacleError(path, what)
  }
}

/** A file on its way to `path`. Disposing it before `place` removes every trace of it. */
export class AtomicFile implements AsyncDisposable {
  readonly path: string
  /** Where it is written. */
  readonly temporary: string
  readonly handle: FileHandle
  #placed = false

  constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path
    this.temporary = temporary
    this.handle = handle
  }

  /** Puts it in its place. @throws ObstacleError if something other than a plain file is there */
  async place(): Promise<void> {
    await checkReplaceable(this.path)
    await rename(this.temporary, this.path)
    this.#placed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#placed) await rm(this.temporary, { force: true })
    } finally {
      await this.handle.close()
    }
  }
}

/** The start of the names under which files for `path` are written; the dot hides them from listings. */
export function temporaryPrefix(path: string): string {
  return `.${basename(path)}.`
}

/** Starts a file that will stand at `path`; its folder exists. Its temporary name is new: nothing is followed or overwritten. */
export async function createAtomicFile(path: string, mode = 0o666): Promise<AtomicFile> {
  const temporary = join(dirname(path), `${temporaryPrefix(path)}${randomBytes(6).toString('hex')}`)
  return new AtomicFile(path, temporary, await open(temporary, 'wx', mode))
}

/** Makes `text` a file's text, down to the disk, whether the file exists or not. */
export async function replaceFile(path: string, text: string, mode?: number): Promise<void> {
  await using file = await createAtomicFile(path, mode)
  await file.handle.writeFile(text)
  await file.handle.sync()
  await file.place()
}
