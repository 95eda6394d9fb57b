// A file that appears complete or not at all: written beside its destination under a temporary name, and renamed at the end.
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, type Stats, writeFileSync } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../text/system-error.ts'

/** Thrown instead of replacing something other than a plain file; `code` is a file system error code. */
export class ObstacleError extends Error {
  readonly code: 'EISDIR' | 'EEXIST'
  /** What is at the path: `a folder`, `a device` … */
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
 * Checks that a path is free or a plain file, so that a file may be put there. A link itself is replaced, unless it
 * leads to something other than a plain file, such as /dev/stdout.
 * @throws ObstacleError, or the error of the file system
 */
export async function checkReplaceable(path: string): Promise<void> {
  for (const look of [lstat, stat]) {
    const stats = await look(path).catch((error: unknown) => {
      // A dangling or circular link is replaced.
      if (errorCode(error) === 'ENOENT' || (look === stat && errorCode(error) === 'ELOOP')) return undefined
      throw error
    })
    if (stats === undefined) return
    const what = stats.isSymbolicLink() ? undefined : describeKind(stats)
    if (what !== undefined) throw new ObstacleError(path, what)
  }
}

/** A temporary file for `path`. Disposing it before `place` removes every trace of it. */
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

  /** Moves the file into place. @throws ObstacleError if something other than a plain file is there */
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

/** The prefix of temporary names for `path`; the dot hides them from listings. */
export function temporaryPrefix(path: string): string {
  return `.${basename(path)}.`
}

/** A new temporary name for `path`, in the same folder. */
export function nameTemporary(path: string): string {
  return join(dirname(path), `${temporaryPrefix(path)}${randomBytes(6).toString('hex')}`)
}

/** Starts a file for `path`, whose folder exists. The temporary name is new: no link is followed, no file overwritten. */
export async function createAtomicFile(path: string, mode = 0o666): Promise<AtomicFile> {
  const temporary = nameTemporary(path)
  return new AtomicFile(path, temporary, await open(temporary, 'wx', mode))
}

/** Replaces or creates a file with `text`, synced to disk unless it need not survive a power failure. */
export async function replaceFile(path: string, text: string, mode?: number, isLasting = true): Promise<void> {
  await using file = await createAtomicFile(path, mode)
  await file.handle.writeFile(text)
  if (isLasting) await file.handle.sync()
  await file.place()
}

/**
 * The same while the process ends, when nothing can be awaited. It is not synced to disk, which could delay the end for seconds:
 * the reader must recognize a damaged file.
 */
export function replaceFileSync(path: string, bytes: Buffer, mode: number): void {
  const temporary = nameTemporary(path)
  try {
    writeFileSync(temporary, bytes, { flag: 'wx', mode })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
