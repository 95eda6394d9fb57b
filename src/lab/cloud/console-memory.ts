// The history that the page shows when it connects to a console: the recent output and the fetched files.
import { type Fetched, FetchTrail } from './fetch-trail.ts'

const keptBytes = 64 * 1024

/** The memory of one serial line. */
export class ConsoleMemory {
  #chunks: Buffer[] = []
  #length = 0
  readonly #trail = new FetchTrail()

  /** Records output of the machine, with its time in ms. */
  take(bytes: Buffer, nowMs: number): void {
    this.#chunks.push(bytes)
    this.#length += bytes.length
    while (this.#length - (this.#chunks[0]?.length ?? 0) >= keptBytes) this.#length -= this.#chunks.shift()?.length ?? 0
    this.#trail.take(bytes.toString('latin1'), nowMs)
  }

  /** The recent output. */
  get recent(): Buffer {
    return Buffer.concat(this.#chunks).subarray(-keptBytes)
  }

  get fetched(): readonly Fetched[] {
    return this.#trail.fetched
  }
}
