// HTTP as iPXE does it: one connection a file, redirects followed, errors with iPXE's own texts and addresses.
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'

import { errorCode } from '../../errors.ts'

/** A file that was read whole; only its beginning is kept. */
export interface Download {
  /** Where it came from in the end. */
  url: string
  sizeBytes: number
  /** At most `keptBytes` of it. */
  head: Buffer
}

/** Bytes of a download that are kept: more than any script has. */
export const keptBytes = 256 * 1024

/** An error as iPXE's screen has it, `Not found (http://ipxe.org/2d0c618e)`. */
export interface IpxeError {
  error: string
}

const statusErrors: Readonly<Record<number, string>> = {
  401: 'Permission denied (http://ipxe.org/021c613c)',
  403: 'Permission denied (http://ipxe.org/020c618f)',
  404: 'Not found (http://ipxe.org/2d0c618e)',
}
const inputOutputError = 'Input/output error (http://ipxe.org/1d0c6139)'

const systemErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection reset (http://ipxe.org/0f0a6039)',
  ECONNRESET: 'Connection reset (http://ipxe.org/0f0a6039)',
  ETIMEDOUT: 'Connection timed out (http://ipxe.org/4c0a6035)',
  ENOTFOUND: 'No such file or directory (http://ipxe.org/3e11618e)',
  EAI_AGAIN: 'No such file or directory (http://ipxe.org/3e11618e)',
}

const mostRedirects = 10
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

async function read(response: IncomingMessage, url: string): Promise<Download> {
  const kept: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue
    if (sizeBytes < keptBytes) kept.push(chunk.subarray(0, keptBytes - sizeBytes))
    sizeBytes += chunk.length
  }
  return { url, sizeBytes, head: Buffer.concat(kept) }
}

/**
 * Reads a file whole in bounded memory. HTTPS is refused, as by the iPXE of Debian's QEMU.
 * Rejects only where the signal ends it.
 */
export async function download(url: string, signal: AbortSignal): Promise<Download | IpxeError> {
  let location = url
  try {
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      if (!/^http:/i.test(location)) return { error: 'Operation not supported (http://ipxe.org/3c092003)' }
      const response = await open(location, signal)
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) return await read(response, location)
      response.destroy()
      if (status < 300 || status >= 400 || response.headers.location === undefined) {
        return { error: statusErrors[status] ?? inputOutputError }
      }
      location = new URL(response.headers.location, location).href
    }
    return { error: 'Too many levels of symbolic links (http://ipxe.org/1f0c6139)' }
  } catch (error) {
    signal.throwIfAborted()
    return { error: systemErrors[errorCode(error) ?? ''] ?? inputOutputError }
  }
}
