// HTTP as iPXE does it: one connection a file, redirects followed, errors with iPXE's own texts and addresses.
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'

import { errorCode } from '../../../errors.ts'

/** A file that was read whole; only its beginning is kept. */
export interface Download {
  /** Where it came from in the end. */
  url: string
  sizeBytes: number
  /** At most `keptBytes` of it. */
  head: Buffer
  /** The descriptor of a file that has all of it, where it was stored. */
  fd?: number
}

/** Bytes of a download that are kept: more than any script has. */
export const keptBytes = 256 * 1024

/** An error as iPXE's screen has it, `Not found (http://ipxe.org/2d0c618e)`. */
export interface IpxeError {
  error: string
}

// The texts of iPXE 1.0.0+git-20190125 in Debian 12, but for 404, where it is that of later builds.
const statusErrors: Readonly<Record<number, string>> = {
  401: 'Permission denied (http://ipxe.org/020c613c)',
  403: 'Operation not permitted (http://ipxe.org/410c613c)',
  404: 'Not found (http://ipxe.org/2d0c618e)',
}
const inputOutputError = 'Input/output error (http://ipxe.org/1d0c6139)'

function describeStatus(status: number): string {
  const known = statusErrors[status]
  if (known !== undefined) return known
  if (status >= 500) return 'HTTP 5xx Server Error (http://ipxe.org/1d0c6539)'
  return status >= 400 ? 'HTTP 4xx Client Error (http://ipxe.org/1d0c6439)' : inputOutputError
}

/** What iPXE says of what does not fit into the machine's memory. */
export const notEnoughSpace = 'Not enough space (http://ipxe.org/31)'

const systemErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection reset (http://ipxe.org/0f0a6039)',
  ECONNRESET: 'Connection reset (http://ipxe.org/0f0a6039)',
  ETIMEDOUT: 'Connection timed out (http://ipxe.org/4c0a6035)',
  ENOTFOUND: 'Error 0x3e11613b (http://ipxe.org/3e11613b)',
  ENOMEM: notEnoughSpace,
  ENOSPC: notEnoughSpace,
  EAI_AGAIN: 'Error 0x3e11613b (http://ipxe.org/3e11613b)',
}

const maxRedirects = 10
const stalledMs = 60_000

function open(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': 'iPXE/1.x (simulated)', connection: 'close' }
    const sent = request(url, { agent: false, headers, signal, timeout: stalledMs }, resolve)
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })))
    sent.on('error', reject)
    sent.end()
  })
}

/** Takes the pieces of a file in their order. */
export type Store = (chunk: Buffer) => Promise<void>

async function read(response: IncomingMessage, url: string, store: Store | undefined): Promise<Download> {
  const kept: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue
    if (sizeBytes < keptBytes) kept.push(chunk.subarray(0, keptBytes - sizeBytes))
    sizeBytes += chunk.length
    await store?.(chunk)
  }
  return { url, sizeBytes, head: Buffer.concat(kept) }
}

/** What iPXE says of a URL that it has no code for. */
export const notSupported = 'Operation not supported (http://ipxe.org/3c092003)'

/** HTTP alone: the iPXE of Debian's QEMU has no HTTPS. */
export function isSupported(url: string): boolean {
  return /^http:\/\//i.test(url) && URL.canParse(url)
}

/**
 * Reads a file whole in bounded memory. Redirects in a circle end with an error, where iPXE would go round for ever.
 * `route` says where a URL leads, undefined for nowhere. Rejects only where the signal ends it.
 */
export async function download(
  url: string,
  signal: AbortSignal,
  store?: Store,
  route: (url: string) => string | undefined = (one) => one,
): Promise<Download | IpxeError> {
  let location = url
  try {
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      if (!isSupported(location)) return { error: notSupported }
      const target = route(location)
      if (target === undefined) return { error: 'Network unreachable (http://ipxe.org/280a6011)' }
      const response = await open(target, signal)
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) return await read(response, location, store)
      response.destroy()
      if (status < 300 || status >= 400 || response.headers.location === undefined) {
        return { error: describeStatus(status) }
      }
      location = new URL(response.headers.location, location).href
    }
    return { error: 'Too many levels of symbolic links (http://ipxe.org/1f0c6139)' }
  } catch (error) {
    signal.throwIfAborted()
    return { error: systemErrors[errorCode(error) ?? ''] ?? inputOutputError }
  }
}
