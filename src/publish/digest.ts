// SHA-256 of files, computed while they are read and written.
import { createHash, type Hash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { ImageError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import type { Digest } from './store.ts'

/** On files of hundreds of megabytes, smaller reads cost time and larger ones memory. */
const chunkBytes = 2 ** 19

/** How much is digested synchronously in one go: 0.1 ms of work. */
const sliceBytes = 2 ** 17

/** Digests bytes as they pass through. */
export class Digester {
  readonly #hash: Hash = createHash('sha256')
  #size = 0

  /** Passes bytes through and digests them. */
  async *tap(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of bytes) {
      this.#hash.update(chunk)
      this.#size += chunk.length
      yield chunk
    }
  }

  /**
   * Adds a file whose bytes are not needed for anything else. It is read synchronously into one buffer that stays in the
   * processor's cache: asking another thread for a piece takes longer than the piece.
   * @throws ImageError when it cannot be read, the signal's reason
   */
  async add(path: string, onBytes: (count: number) => void, signal: AbortSignal): Promise<void> {
    try {
      const file = openSync(path, 'r')
      try {
        const buffer = Buffer.allocUnsafeSlow(sliceBytes)
        for (;;) {
          signal.throwIfAborted()
          const count = readSync(file, buffer)
          if (count === 0) return
          this.#hash.update(buffer.subarray(0, count))
          this.#size += count
          onBytes(count)
          await setImmediate()
        }
      } finally {
        closeSync(file)
      }
    } catch (error) {
      throw readError(path, error)
    }
  }

  /** The digest of everything that has passed; may be called once. */
  digest(): Digest {
    return { size: this.#size, sha256: this.#hash.digest('hex') }
  }
}

/** The bytes of a file of the image. @throws ImageError when it cannot be read */
export async function* readSource(
  path: string,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: chunkBytes })
    for await (const chunk of chunks) {
      onBytes(chunk.length)
      yield chunk
    }
  } catch (error) {
    throw readError(path, error)
  }
}

/** The digest of a file. @throws ImageError when it cannot be read, the signal's reason */
export async function digestFile(path: string, signal: AbortSignal): Promise<Digest> {
  const digester = new Digester()
  await digester.add(path, () => {}, signal)
  return digester.digest()
}

/** Turns a file system error into an ImageError; returns other errors unchanged. */
function readError(path: string, error: unknown): unknown {
  const code = errorCode(error)
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error
  return new ImageError(`"${path}" cannot be read: ${describeCondition(error)}`, {
    hint: 'check the disk it is on',
    cause: error,
  })
}

/** Reads bytes to the end for the side effects of their pipeline. @throws the signal's reason */
export async function drain(bytes: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  // oxlint-disable-next-line no-unused-vars -- the bytes themselves are not wanted
  for await (const _ of bytes) signal.throwIfAborted()
}

/** The digest of a text in UTF-8. */
export function digestText(text: string): Digest {
  const bytes = Buffer.from(text)
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
