// The response to a request, as data, decided from the method, the headers and the resource (and a cache of one HTTP date).
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Boot } from './boots.ts'
import { checkConditions, rangeCounts, type Validators } from './files/conditional.ts'
import { type Entry, renderListing } from './listing.ts'
import { mediaType } from './files/media-type.ts'
import { isBrowser, renderPage } from './page.ts'
import { type ByteRange, readRange } from './files/range.ts'

/** The resource that a request names. */
export type Resource =
  | ({ kind: 'file'; name: string; sizeBytes: number } & Validators)
  /** `root` is the name of the served folder; '' for files from several places. */
  | { kind: 'folder'; root: string; path: string; entries: readonly Entry[] }
  | { kind: 'moved'; location: string }
  | { kind: 'nothing'; status: 400 | 403 | 404 | 500 | 503 }

/** The parts of a request that the response depends on. */
export interface RequestHead {
  method: string
  httpVersion: string
  headers: IncomingHttpHeaders
  /** Alternating names and values as sent: only these show repeated headers. */
  rawHeaders?: readonly string[]
}

/** A response to send. A `bytes` body is a range of the file; a `boots` body reports boots for as long as the client listens. */
export interface Decision {
  status: number
  headers: Record<string, string | number>
  body: { kind: 'none' } | { kind: 'text'; text: string } | { kind: 'boots' } | ({ kind: 'bytes' } & ByteRange)
}

function answerText(status: number, type: string, text: string, headers: Decision['headers'] = {}): Decision {
  return {
    status,
    headers: {
      ...headers,
      'Content-Type': `${type}; charset=utf-8`,
      'Content-Length': Buffer.byteLength(text),
      'X-Content-Type-Options': 'nosniff',
    },
    body: { kind: 'text', text },
  }
}

/** A response with nothing but its status, as a number and in words. */
export function answerStatus(status: number, headers: Decision['headers'] = {}): Decision {
  return answerText(status, 'text/plain', `${status} ${STATUS_CODES[status] ?? ''}\n`, headers)
}

/** True if a Host header is valid: a name or an address, and a port (RFC 3986, section 3.2). It may be empty. */
function isHost(text: string): boolean {
  return /^(\[[0-9a-f:.%]+\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?$/i.test(text)
}

/**
 * Refuses requests regardless of their target: no Host or two, versions other than HTTP/1.0 and 1.1, chunked bodies in HTTP/1.0
 * (RFC 9112, sections 2.3, 3.2 and 6.1), methods other than GET and HEAD, and expectations that the server does not meet.
 */
export function refuseRequest(request: RequestHead): Decision | undefined {
  const { httpVersion, headers, rawHeaders = [] } = request
  const close = { Connection: 'close' }
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return answerStatus(505, close)
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (/^host$/i.test(rawHeaders[i] ?? '')) hosts++
  if (hosts > 1 || !isHost(headers.host ?? '')) return answerStatus(400, close)
  if (httpVersion === '1.1' && headers.host === undefined) return answerStatus(400, close)
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined) return answerStatus(400, close)
  // A request body is not read: the connection ends with the response.
  if (request.method !== 'GET' && request.method !== 'HEAD') return answerStatus(405, { Allow: 'GET, HEAD', ...close })
  const { expect } = headers
  return expect === undefined || expect.toLowerCase() === '100-continue' ? undefined : answerStatus(417, close)
}

let written = { modifiedMs: Number.NaN, date: '' }

/** An HTTP date. The last one is cached: many clients request the same file, and formatting a date takes as long as the look-up. */
function writeHttpDate(modifiedMs: number): string {
  if (written.modifiedMs !== modifiedMs) written = { modifiedMs, date: new Date(modifiedMs).toUTCString() }
  return written.date
}

function answerFile(request: RequestHead, file: Extract<Resource, { kind: 'file' }>): Decision {
  const common = {
    'Accept-Ranges': 'bytes',
    ETag: file.etag,
    'Last-Modified': writeHttpDate(file.modifiedMs),
    'X-Content-Type-Options': 'nosniff',
  }
  const ended = checkConditions(request.headers, file)
  if (ended === 304) return { status: 304, headers: common, body: { kind: 'none' } }
  if (ended === 412) return answerStatus(412, common)
  // Range is defined for GET only.
  const wanted = request.method === 'GET' && rangeCounts(request.headers, file) ? request.headers.range : undefined
  const range = readRange(wanted, file.sizeBytes)
  if (range === 'unsatisfiable') return answerStatus(416, { ...common, 'Content-Range': `bytes */${file.sizeBytes}` })
  const { start, end } = range === 'whole' ? { start: 0, end: file.sizeBytes } : range
  const headers: Decision['headers'] = common
  headers['Content-Type'] = mediaType(file.name)
  headers['Content-Length'] = end - start
  if (range !== 'whole') headers['Content-Range'] = `bytes ${start}-${end - 1}/${file.sizeBytes}`
  return { status: range === 'whole' ? 200 : 206, headers, body: { kind: 'bytes', start, end } }
}

/** A folder: a plain listing for machines, a page for browsers, and an event stream for the page's script. */
function answerFolder(
  { headers }: RequestHead,
  folder: Extract<Resource, { kind: 'folder' }>,
  boots: () => Boot[],
): Decision {
  const common = { 'Cache-Control': 'no-store', Vary: 'Accept, User-Agent' }
  if (headers.accept === 'text/event-stream') {
    return { status: 200, headers: { ...common, 'Content-Type': 'text/event-stream' }, body: { kind: 'boots' } }
  }
  const { root, path, entries } = folder
  const text = isBrowser(headers) ? renderPage({ root, path }, entries, boots()) : renderListing(path, entries)
  return answerText(200, 'text/html', text, common)
}

/** The response to a GET or HEAD for a resource; HEAD has the headers of GET and no body. */
export function decide(request: RequestHead, resource: Resource, boots: () => Boot[] = () => []): Decision {
  if (resource.kind === 'file') return answerFile(request, resource)
  if (resource.kind === 'folder') return answerFolder(request, resource, boots)
  return resource.kind === 'moved' ? answerStatus(301, { Location: resource.location }) : answerStatus(resource.status)
}
