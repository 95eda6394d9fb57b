// SHA-256 of what is read and written, taken on the way.
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { errorCode, ImageError } from '../errors.ts'
import type { Digest } from './store.ts'

/** On files of hundreds of megabytes smaller reads cost time and larger ones memory. */
const chunkBytes = 2 ** 18

/** Digests bytes as they pass. */
export class Digester {
  readonly #hash: Hash = createHash('sha256')
  #size = 0

  /** Passes bytes on. */
  async *tap(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of bytes) {
      this.#hash.update(chunk)
      this.#size += chunk.length
      yield chunk
    }
  }

  /** Of all that has passed; to be asked once. */
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
    const code = errorCode(error)
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error
    throw new ImageError(`"${path}" cannot be read (${code})`, { hint: 'look at the disk it is on', cause: error })
  }
}

/** The digest of bytes that are not needed otherwise. @throws the signal's reason */
export async function digestBytes(bytes: AsyncIterable<Buffer>, signal: AbortSignal): Promise<Digest> {
  const digester = new Digester()
  await drain(digester.tap(bytes), signal)
  return digester.digest()
}

/** Reads bytes for what they pass through on their way. @throws the signal's reason */
export async function drain(bytes: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  // oxlint-disable-next-line no-unused-vars -- the bytes themselves are not wanted
  for await (const _ of bytes) signal.throwIfAborted()
}

/** The digest of a text in UTF-8. */
export function digestText(text: string): Digest {
  const bytes = Buffer.from(text)
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
