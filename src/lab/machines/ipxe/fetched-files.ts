// The files that a boot script leads to, kept whole for QEMU, without a name, until it has read them.
import type { FileHandle } from 'node:fs/promises'

import { download, type Download, type IpxeError } from './download.ts'
import type { BootImage } from './interpreter.ts'
import { formatAddress } from '../../../address.ts'
import type { Passage } from '../driver.ts'
import type { Zboot } from '../../../kernel-format.ts'
import { openNameless } from './nameless-file.ts'
import { unpackZboot } from './zboot.ts'

/** Linux finds the next of several initrds at a multiple of four bytes. */
const initrdAlignment = 4

/** What a boot fetched. Disposing it gives the room back. */
export class FetchedFiles implements AsyncDisposable {
  readonly #files: FileHandle[] = []
  readonly #passages: readonly Passage[] | undefined
  #roomBytes: number

  /**
   * @param roomBytes what all files may have together: a machine has no more than its memory for them
   * @param passages all that an isolated machine reaches
   */
  constructor(roomBytes: number, passages?: readonly Passage[]) {
    this.#roomBytes = roomBytes
    this.#passages = passages
  }

  /** The machine's name for this computer, 10.0.2.2, means loopback here as it does there; an isolated one knows no other. */
  #route(url: string): string | undefined {
    const local = new URL(url)
    if (this.#passages === undefined) {
      if (local.hostname === '10.0.2.2') local.hostname = '127.0.0.1'
      return local.href
    }
    const guestPort = local.port === '' ? 80 : Number(local.port)
    const passage = this.#passages.find((one) => one.guestPort === guestPort)
    if (local.hostname !== '10.0.2.2' || passage === undefined) return undefined
    local.host = formatAddress(passage)
    return local.href
  }

  /** Fetches a file. */
  async download(url: string, signal: AbortSignal): Promise<Download | IpxeError> {
    const file = await this.#open()
    const store = async (chunk: Buffer) => {
      this.#roomBytes -= chunk.length
      if (this.#roomBytes < 0) throw Object.assign(new Error('no memory left'), { code: 'ENOMEM' })
      await file.writeFile(chunk)
    }
    const fetched = await download(url, signal, store, (one) => this.#route(one))
    return 'error' in fetched ? fetched : { ...fetched, fd: file.fd }
  }

  /** The initrds as one file, one after the other. @returns its descriptor, undefined where there is none */
  async join(images: readonly BootImage[]): Promise<number | undefined> {
    if (images.length < 2) return images[0]?.fd
    const whole = await this.#open()
    for (const { fd, sizeBytes } of images) {
      const part = this.#files.find((file) => file.fd === fd)
      if (part === undefined) continue
      for (let at = 0; at < sizeBytes;) {
        const { buffer, bytesRead } = await part.read({ position: at })
        if (bytesRead === 0) break
        await whole.writeFile(buffer.subarray(0, bytesRead))
        at += bytesRead
      }
      await whole.writeFile(Buffer.alloc(-sizeBytes & (initrdAlignment - 1)))
    }
    return whole.fd
  }

  /** Takes the place of a kernel that unpacks itself. @returns the descriptor of the kernel within */
  async unpack(fd: number, zboot: Zboot): Promise<number> {
    const kernel = this.#files.find((file) => file.fd === fd)
    if (kernel === undefined) return fd
    const whole = await this.#open()
    await unpackZboot(kernel, zboot, whole, this.#roomBytes)
    return whole.fd
  }

  async #open(): Promise<FileHandle> {
    const file = await openNameless()
    this.#files.push(file)
    return file
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.splice(0).map((file) => file.close()))
  }
}
