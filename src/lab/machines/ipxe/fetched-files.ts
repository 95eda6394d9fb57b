// The files that a boot script fetches, stored for QEMU in nameless files until it has read them.
import type { FileHandle } from 'node:fs/promises'

import { download, type Download, type IpxeError } from './download.ts'
import type { BootImage } from './interpreter.ts'
import { formatAddress } from '../../../address.ts'
import type { Arch } from '../../../arch.ts'
import type { Passage } from '../driver.ts'
import type { Zboot } from '../../../kernel-format.ts'
import { openNameless } from './nameless-file.ts'
import { unpackZboot } from './zboot.ts'

/** Finds the kernel's initrds: an x86 kernel gets all of them, the EFI stub of arm64 only the files that `initrd=` names. */
export function findInitrds(arch: Arch, commandLine: string, initrds: readonly BootImage[]): readonly BootImage[] {
  if (arch === 'x86_64') return initrds
  const words = commandLine.split(/\s+/)
  return initrds.filter(({ name }) => words.includes(`initrd=${name}`))
}

/** Linux looks for the next initrd at a multiple of four bytes. */
const initrdAlignment = 4

/** The files of one boot. Disposing it frees their space. */
export class FetchedFiles implements AsyncDisposable {
  readonly #files: FileHandle[] = []
  readonly #passages: readonly Passage[] | undefined
  #roomBytes: number

  /**
   * @param roomBytes the maximum total size of the files, which must fit into the machine's memory
   * @param passages everything that an isolated machine can reach
   */
  constructor(roomBytes: number, passages?: readonly Passage[]) {
    this.#roomBytes = roomBytes
    this.#passages = passages
  }

  /** Maps the machine's address for this computer, 10.0.2.2, to loopback, as QEMU does; an isolated machine reaches no other host. */
  #route(url: string): string | undefined {
    const local = new URL(url)
    if (this.#passages === undefined) {
      if (local.hostname === '10.0.2.2') local.hostname = '127.0.0.1'
      return local.href
    }
    const guestPort = local.port === '' ? 80 : Number(local.port)
    const passage = this.#passages.find((candidate) => candidate.guestPort === guestPort)
    if (local.hostname !== '10.0.2.2' || passage === undefined) return undefined
    local.host = formatAddress(passage)
    return local.href
  }

  /** Fetches a file. */
  async download(url: string, signal: AbortSignal): Promise<Download | IpxeError> {
    const file = await this.#open()
    let sizeBytes = 0
    const store = async (chunk: Buffer) => {
      sizeBytes += chunk.length
      this.#roomBytes -= chunk.length
      if (this.#roomBytes < 0) throw Object.assign(new Error('no memory left'), { code: 'ENOMEM' })
      await file.writeFile(chunk)
    }
    const fetched = await download(url, signal, store, (target) => this.#route(target))
    const free = () => {
      this.#files.splice(this.#files.indexOf(file), 1)
      this.#roomBytes += sizeBytes
      void file.close().catch(() => {})
    }
    if (!('error' in fetched)) return { ...fetched, fd: file.fd, free }
    free()
    return fetched
  }

  /** Concatenates the initrds. @returns the descriptor of the result; undefined if there are no initrds */
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

  /** Unpacks a self-extracting kernel. @returns the descriptor of the kernel inside */
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
