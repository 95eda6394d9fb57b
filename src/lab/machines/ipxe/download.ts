// HTTP as iPXE does it: one connection per file, redirects followed, errors with iPXE's own texts and URLs.
import { type IncomingMessage, request } from 'node:http'

import { errorCode } from '../../../text/system-error.ts'

/** A completely downloaded file; only its beginning is kept in memory. */
export interface Download {
  /** Its URL after redirects. */
  url: string
  sizeBytes: number
  /** Its first `keptBytes` at most. */
  head: Buffer
  /** The descriptor of the file with its full content, if it was stored. */
  fd?: number
  /** Discards the stored content. */
  free?: () => void
}

/** How many bytes of a download are kept in memory: more than the length of any script. */
export const keptBytes = 256 * 1024

/** An error as iPXE shows it, `Not found (http://ipxe.org/2d0c618e)`. */
export interface IpxeError {
  error: string
}

// The texts of iPXE 1.0.0+git-20190125 in Debian 12, except for 404, which has the text of later builds.
const statusErrors: Readonly<Record<number, string>> = {
  401: 'Permission denied (http://ipxe.org/020c613c)',
  403: 'Operation not permitted (http://ipxe.org/410c613c)',
  404: 'Not found (http://ipxe.org/2d0c618e)',
}
const inputOutputError = 'Input/output error (http://ipxe.org/1d0c6139)'

function describeStatus(status: number): string {
  const text = statusErrors[status]
  if (text !== undefined) return text
  if (status >= 500) return 'HTTP 5xx Server Error (http://ipxe.org/1d0c6539)'
  return status >= 400 ? 'HTTP 4xx Client Error (http://ipxe.org/1d0c6439)' : inputOutputError
}

/** iPXE's error for a file that does not fit into the machine's memory. */
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

/** Stores the chunks of a file, in order. */
export type ChunkSink = (chunk: Buffer) => Promise<void>

async function read(response: IncomingMessage, url: string, store: ChunkSink | undefined): Promise<Download> {
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

/** iPXE's error for a URL whose protocol it does not support. */
export const notSupported = 'Operation not supported (http://ipxe.org/3c092003)'

/** Whether iPXE supports a URL: HTTP only, since the iPXE of Debian's QEMU has no HTTPS. */
export function isSupported(url: string): boolean {
  return /^http:\/\//i.test(url) && URL.canParse(url)
}

/**
 * Downloads a file in bounded memory. A redirect loop ends with an error; iPXE itself would loop for ever.
 * `route` maps a URL to the URL to fetch, or to undefined if it is unreachable. Rejects only if the signal aborts it.
 */
export async function download(
  url: string,
  signal: AbortSignal,
  store?: ChunkSink,
  route: (url: string) => string | undefined = (target) => target,
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
