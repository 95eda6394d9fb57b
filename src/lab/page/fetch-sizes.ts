// The sizes of fetched files. iPXE's screen shows only percentages, so the lab asks the boot script's server, once per
// fetch and only while a page shows it. Any program in a machine can print a URL, so the lab asks no other server.
import { request } from 'node:http'

import type { Device } from '../cloud/device.ts'
import { urlBesideScript } from '../machines/qemu/isolation.ts'
import type { Fetched } from '../cloud/fetch-trail.ts'

const patienceMs = 5000

/** Asks with HEAD; undefined if the server does not say. It follows no redirects, since they could lead anywhere. */
function askSize(url: string, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve) => {
    const headers = { 'user-agent': 'metalkit-lab', connection: 'close' }
    const sent = request(url, { method: 'HEAD', agent: false, headers, signal, timeout: patienceMs }, (response) => {
      const length = response.statusCode === 200 ? Number(response.headers['content-length'] ?? Number.NaN) : Number.NaN
      response.resume()
      resolve(Number.isSafeInteger(length) && length >= 0 ? length : undefined)
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.on('close', () => resolve(undefined))
    sent.end()
  })
}

/** The known sizes. Disposing it ends the requests. */
export class FetchSizes implements Disposable {
  readonly #known = new WeakMap<Fetched, { sizeBytes?: number }>()
  readonly #ending = new AbortController()
  /** One request at a time. */
  #last: Promise<void> = Promise.resolve()

  /** Returns the fetches of a device's machine with the sizes known so far, and starts to ask for the others. */
  add(fetched: readonly Fetched[], device: Pick<Device, 'ipxeScriptUrl'>): Fetched[] {
    return fetched.map((file) => ({ ...file, ...(file.result === 'ok' ? this.#find(file, device) : {}) }))
  }

  #find(file: Fetched, device: Pick<Device, 'ipxeScriptUrl'>): { sizeBytes?: number } {
    const known = this.#known.get(file)
    if (known !== undefined) return known
    const size: { sizeBytes?: number } = {}
    this.#known.set(file, size)
    const url = urlBesideScript(device, file.what)
    if (url !== undefined) this.#last = this.#last.then(() => this.#ask(url, size))
    return size
  }

  async #ask(url: string, size: { sizeBytes?: number }): Promise<void> {
    if (this.#ending.signal.aborted) return
    const sizeBytes = await askSize(url, this.#ending.signal)
    if (sizeBytes !== undefined) size.sizeBytes = sizeBytes
  }

  [Symbol.dispose](): void {
    this.#ending.abort()
  }
}
