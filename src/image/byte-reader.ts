// Reads a file's bytes in order, for formats in which each part determines where the next begins.

/** Chunk size: on files of hundreds of megabytes, smaller chunks cost time and larger ones memory. */
export const readBytes = 2 ** 19

/** Reads a sequence of chunks, with look-ahead and push-back. */
export class ByteReader implements AsyncDisposable {
  /** The file's name in errors. */
  readonly path: string
  #offset = 0
  #buffered: Buffer = Buffer.alloc(0)
  readonly #chunks: AsyncIterator<Buffer>

  constructor(path: string, chunks: AsyncIterable<Buffer>) {
    this.path = path
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** The offset of the next byte in the file. */
  get offset(): number {
    return this.#offset
  }

  /** Returns the next bytes without consuming them; fewer than `size` only at the end. For small sizes. */
  async peek(size: number): Promise<Buffer> {
    while (this.#buffered.length < size) {
      const chunk = await this.#pull()
      if (chunk === undefined) break
      this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    }
    return this.#buffered.subarray(0, size)
  }

  /** Consumes the next bytes; fewer than `size` only at the end. For small sizes. */
  async take(size: number): Promise<Buffer> {
    const taken = await this.peek(size)
    this.#skip(taken.length)
    return taken
  }

  /** Consumes the next chunk as it was read; undefined at the end. */
  async takeChunk(): Promise<Buffer | undefined> {
    const chunk = this.#buffered.length > 0 ? this.#buffered : await this.#pull()
    this.#buffered = Buffer.alloc(0)
    this.#offset += chunk?.length ?? 0
    return chunk
  }

  /** Consumes `size` bytes in the chunks in which they were read; fewer only at the end. */
  async *stream(size: number): AsyncGenerator<Buffer, void, undefined> {
    for (let missing = size; missing > 0;) {
      const chunk = await this.takeChunk()
      if (chunk === undefined) return
      if (chunk.length > missing) this.putBack(chunk.subarray(missing))
      yield chunk.subarray(0, missing)
      missing -= Math.min(missing, chunk.length)
    }
  }

  /** Pushes back the end of a chunk from takeChunk; of several chunks, the last one first. */
  putBack(rest: Buffer): void {
    this.#offset -= rest.length
    this.#buffered = this.#buffered.length === 0 ? rest : Buffer.concat([rest, this.#buffered])
  }

  /** Stops reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.()
  }

  #skip(size: number): void {
    this.#buffered = this.#buffered.subarray(size)
    this.#offset += size
  }

  async #pull(): Promise<Buffer | undefined> {
    for (;;) {
      const next = await this.#chunks.next()
      if (next.done === true) return undefined
      if (next.value.length > 0) return next.value
    }
  }
}
