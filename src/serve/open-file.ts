// A file that is being sent: its descriptor, and which version of it was opened.
import { type BigIntStats, close, closeSync, constants, fstatSync, openSync, read } from 'node:fs'
import type { Validators } from './conditional.ts'

/** How long a file must have rested: within the steps of a file system's clock it could change without showing it. */
const settledMs = 2000
let unsettled = 0

/** A plain file, open for reading. */
export class OpenFile {
  readonly sizeBytes: number
  readonly validators: Validators
  /** The same for all who opened the same version of the same file; nobody else's while the file is too young to be told from its next version. */
  readonly version: string
  readonly #fd: number
  readonly #modifiedNs: bigint
  #users = 1

  constructor(fd: number, stats: BigIntStats) {
    const { dev, ino, size, mtimeNs } = stats
    this.#fd = fd
    this.#modifiedNs = mtimeNs
    this.sizeBytes = Number(size)
    const tag = `${ino.toString(36)}-${size.toString(36)}-${mtimeNs.toString(36)}`
    this.validators = { etag: `"${tag}"`, modifiedMs: Number(mtimeNs / 1_000_000n) }
    const settled = Date.now() - this.validators.modifiedMs > settledMs
    this.version = `${dev.toString(36)}-${tag}${settled ? '' : `-${++unsettled}`}`
  }

  /** Reads into the buffer until it is full or the file ends. @returns how much was read */
  async read(buffer: Buffer, position: number): Promise<number> {
    let filled = 0
    while (filled < buffer.length) {
      const bytes = await this.#readOnce(buffer, filled, position + filled)
      if (bytes === 0) break
      filled += bytes
    }
    return filled
  }

  /** Whether it is as it was when it was opened. One that was replaced is: its successor is another file. */
  isUnchanged(): boolean {
    const { size, mtimeNs } = fstatSync(this.#fd, { bigint: true })
    return mtimeNs === this.#modifiedNs && Number(size) === this.sizeBytes
  }

  /** Whether it has become shorter since. */
  hasShrunk(): boolean {
    return fstatSync(this.#fd).size < this.sizeBytes
  }

  /** One more user; each closes it. */
  share(): void {
    this.#users++
  }

  /** Gives the descriptor back with the last user. The last close of a large file that was deleted may take long, so nobody waits for that. */
  close(): void {
    if (--this.#users > 0) return
    if (this.sizeBytes > 2 ** 20) close(this.#fd)
    else closeSync(this.#fd)
  }

  #readOnce(buffer: Buffer, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, buffer, offset, buffer.length - offset, position, (error, bytes) =>
        error === null ? resolve(bytes) : reject(error),
      )
    })
  }
}

/**
 * Opens what was a plain file when it was looked at; should it have become a pipe since, that does not block, and is undefined.
 * It and what else looks up a name are synchronous: on a local disk that takes some microseconds, where a way through the
 * thread pool takes a hundred, more than all else in answering a small request.
 */
export function openFile(path: string): OpenFile | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  let kept = false
  try {
    // The opened file is asked, so that what is said and what is sent are of one file.
    const stats = fstatSync(fd, { bigint: true })
    kept = stats.isFile()
    return kept ? new OpenFile(fd, stats) : undefined
  } finally {
    if (!kept) closeSync(fd)
  }
}
