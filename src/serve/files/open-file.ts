// A file that is being sent: its descriptor and the version that was opened.
import { type BigIntStats, close, fstat, read } from 'node:fs'
import type { Validators } from './conditional.ts'
import { nameOfDescriptor } from './pin.ts'

/** How long a file must be unchanged to be shared: within one tick of the file system's clock a change is invisible. */
const settledMs = 2000
let unsettled = 0

/** A plain file opened for reading. */
export class OpenFile {
  readonly sizeBytes: number
  readonly validators: Validators
  /** Equal for everyone with the same version of the same file; unique while the file is too new to tell it from its next version. */
  readonly version: string
  readonly #fd: number
  readonly #modifiedNs: bigint
  #changedNs: bigint
  #links: string
  #users = 1

  /** @param stats of the file when it was opened */
  constructor(fd: number, stats: BigIntStats) {
    const { dev, ino, size, mtimeNs, ctimeNs } = stats
    this.#fd = fd
    this.#modifiedNs = mtimeNs
    this.#changedNs = ctimeNs
    this.#links = this.#describeLinks(stats)
    this.sizeBytes = Number(size)
    // Size and mtime can be restored after a change (`cp -p`), ctime cannot.
    const tag = [ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('-')
    this.validators = { etag: `"${tag}"`, modifiedMs: Number(mtimeNs / 1_000_000n) }
    const changedMs = Number((ctimeNs > mtimeNs ? ctimeNs : mtimeNs) / 1_000_000n)
    const settled = Date.now() - changedMs > settledMs
    this.version = `${dev.toString(36)}-${tag}${settled ? '' : `-${++unsettled}`}`
  }

  /** Reads into the buffer until it is full or the file ends. @returns the number of bytes read */
  async read(buffer: Buffer, position: number): Promise<number> {
    let filled = 0
    while (filled < buffer.length) {
      const bytes = await this.#readOnce(buffer, filled, position + filled)
      if (bytes === 0) break
      filled += bytes
    }
    return filled
  }

  /**
   * Compares the file with the version that was opened. A renamed, replaced or linked file has another ctime and the same
   * content; any other new ctime may be a write whose mtime was set back.
   */
  async compare(): Promise<'unchanged' | 'changed' | 'shrunk'> {
    const stats = await this.#stat()
    if (Number(stats.size) < this.sizeBytes) return 'shrunk'
    if (stats.mtimeNs !== this.#modifiedNs || Number(stats.size) !== this.sizeBytes) return 'changed'
    if (stats.ctimeNs === this.#changedNs) return 'unchanged'
    const links = this.#describeLinks(stats)
    if (links === this.#links) return 'changed'
    this.#links = links
    this.#changedNs = stats.ctimeNs
    return 'unchanged'
  }

  /** Adds a user; each user closes the file. */
  share(): void {
    this.#users++
  }

  /** Closes the descriptor after the last user. Closing can be slow (a large deleted file, a network), so nobody waits for it. */
  close(): void {
    if (--this.#users === 0) close(this.#fd, () => {})
  }

  #describeLinks({ nlink }: BigIntStats): string {
    return `${nlink} ${nameOfDescriptor(this.#fd) ?? ''}`
  }

  #stat(): Promise<BigIntStats> {
    return new Promise((resolve, reject) => {
      fstat(this.#fd, { bigint: true }, (error, stats) => (error === null ? resolve(stats) : reject(error)))
    })
  }

  #readOnce(buffer: Buffer, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, buffer, offset, buffer.length - offset, position, (error, bytes) =>
        error === null ? resolve(bytes) : reject(error),
      )
    })
  }
}
