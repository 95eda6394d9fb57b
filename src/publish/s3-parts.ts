// Splits a stream into parts of one size, using memory from a pool, so that memory use does not depend on the stream's length.

/** A pool of at most `count` buffers of one size. */
export class BufferPool {
  readonly #bytes: number
  readonly #free: ArrayBuffer[] = []
  readonly #waiting: ((buffer: ArrayBuffer) => void)[] = []
  #left: number

  constructor(count: number, bytes: number) {
    this.#left = count
    this.#bytes = bytes
  }

  /** Lends a buffer once one is free. */
  async acquire(): Promise<Buffer> {
    const free = this.#free.pop()
    if (free !== undefined) return Buffer.from(free)
    if (this.#left > 0) {
      this.#left--
      return Buffer.from(new ArrayBuffer(this.#bytes))
    }
    return Buffer.from(await new Promise<ArrayBuffer>((resolve) => this.#waiting.push(resolve)))
  }

  /** Takes back a buffer, or a view of one. */
  release({ buffer }: Buffer): void {
    if (!(buffer instanceof ArrayBuffer)) return
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(buffer)
    else next(buffer)
  }
}

/** A part; `more` is false for the last one. The receiver returns it to the pool. */
export interface Part {
  bytes: Buffer
  more: boolean
}

/** Splits a stream into parts, all but the last of the pool's size; an empty stream has no parts. */
export async function* splitParts(content: AsyncIterable<Buffer>, pool: BufferPool): AsyncGenerator<Part> {
  let buffer: Buffer | undefined
  let filled = 0
  try {
    for await (const chunk of content) {
      for (let rest = chunk; rest.length > 0;) {
        if (buffer !== undefined && filled === buffer.length) {
          const bytes = buffer
          buffer = undefined
          yield { bytes, more: true }
        }
        if (buffer === undefined) {
          buffer = await pool.acquire()
          filled = 0
        }
        const count = rest.copy(buffer, filled)
        filled += count
        rest = rest.subarray(count)
      }
    }
    if (buffer !== undefined) {
      const bytes = buffer.subarray(0, filled)
      buffer = undefined
      yield { bytes, more: false }
    }
  } finally {
    if (buffer !== undefined) pool.release(buffer)
  }
}
