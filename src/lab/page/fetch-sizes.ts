// How large the fetched files are. iPXE's screen has only percentages, so the lab asks the server of the boot script, once a
// fetch and only while a page shows it. Any program in a machine can print a URL, hence no other server is asked.
import { request } from 'node:http'

import type { Device } from '../cloud/device.ts'
import { urlBesideScript } from '../machines/qemu/isolation.ts'
import type { Fetched } from '../cloud/fetch-trail.ts'

const patienceMs = 5000

/** Asks with HEAD; undefined if the server does not say. Redirects are not followed: they could lead anywhere. */
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

/** What is known of sizes. Disposing it ends the requests. */
export class FetchSizes implements Disposable {
  readonly #known = new WeakMap<Fetched, { sizeBytes?: number }>()
  readonly #ending = new AbortController()
  /** One request at a time. */
  #last: Promise<void> = Promise.resolve()

  /** The fetches of a device's machine with the sizes known so far; begins to ask for the others. */
  add(fetched: readonly Fetched[], device: Pick<Device, 'ipxeScriptUrl'>): Fetched[] {
    return fetched.map((one) => ({ ...one, ...(one.result === 'ok' ? this.#find(one, device) : {}) }))
  }

  #find(one: Fetched, device: Pick<Device, 'ipxeScriptUrl'>): { sizeBytes?: number } {
    const known = this.#known.get(one)
    if (known !== undefined) return known
    const found: { sizeBytes?: number } = {}
    this.#known.set(one, found)
    const url = urlBesideScript(device, one.what)
    if (url !== undefined) this.#last = this.#last.then(() => this.#ask(url, found))
    return found
  }

  async #ask(url: string, found: { sizeBytes?: number }): Promise<void> {
    if (this.#ending.signal.aborted) return
    const sizeBytes = await askSize(url, this.#ending.signal)
    if (sizeBytes !== undefined) found.sizeBytes = sizeBytes
  }

  [Symbol.dispose](): void {
    this.#ending.abort()
  }
}
