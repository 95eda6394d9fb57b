// What is answered to a request, as data: from the method, the headers and what was found, and from nothing else.
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Boot } from './boots.ts'
import { checkConditions, rangeCounts, type Validators } from './files/conditional.ts'
import { type Entry, renderListing } from './listing.ts'
import { mediaType } from './files/media-type.ts'
import { isBrowser, renderPage } from './page.ts'
import { type ByteRange, readRange } from './files/range.ts'

/** What a request found. */
export type Resource =
  | ({ kind: 'file'; name: string; sizeBytes: number } & Validators)
  /** `root` is the name of the served folder; '' for files from several places. */
  | { kind: 'folder'; root: string; path: string; entries: readonly Entry[] }
  | { kind: 'moved'; location: string }
  | { kind: 'nothing'; status: 400 | 403 | 404 | 500 | 503 }

/** The part of a request that decides. */
export interface Asked {
  method: string
  httpVersion: string
  headers: IncomingHttpHeaders
  /** Names and values in turn, as they were sent: what came twice is only seen here. */
  rawHeaders?: readonly string[]
}

/** An answer to send. A body of bytes is that part of the file that was found; one of boots tells of them for as long as the client listens. */
export interface Answer {
  status: number
  headers: Record<string, string | number>
  body: { kind: 'none' } | { kind: 'text'; text: string } | { kind: 'boots' } | ({ kind: 'bytes' } & ByteRange)
}

function answerText(status: number, type: string, text: string, headers: Answer['headers'] = {}): Answer {
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

/** An answer that only says its status, in words too. */
export function answerStatus(status: number, headers: Answer['headers'] = {}): Answer {
  return answerText(status, 'text/plain', `${status} ${STATUS_CODES[status] ?? ''}\n`, headers)
}

/** Whether a Host header is one: a name or an address, and a port (RFC 3986, section 3.2). It may be empty. */
function isHost(text: string): boolean {
  return /^(\[[0-9a-f:.%]+\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?$/i.test(text)
}

/**
 * What is refused whatever it asks for: no Host or two, other versions than HTTP/1.0 and 1.1, chunks before there were any
 * (RFC 9112, sections 2.3, 3.2 and 6.1), other methods than GET and HEAD, and expectations nobody meets.
 */
export function refuse(asked: Asked): Answer | undefined {
  const { httpVersion, headers, rawHeaders = [] } = asked
  const close = { Connection: 'close' }
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return answerStatus(505, close)
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (/^host$/i.test(rawHeaders[i] ?? '')) hosts++
  if (hosts > 1 || !isHost(headers.host ?? '')) return answerStatus(400, close)
  if (httpVersion === '1.1' && headers.host === undefined) return answerStatus(400, close)
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined) return answerStatus(400, close)
  // Whoever sends a body to be stored is not read out: the connection ends with the answer.
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return answerStatus(405, { Allow: 'GET, HEAD', ...close })
  const { expect } = headers
  return expect === undefined || expect.toLowerCase() === '100-continue' ? undefined : answerStatus(417, close)
}

let written = { modifiedMs: Number.NaN, date: '' }

/** An HTTP date. The last one is kept: many ask for the same file, and writing a date takes as long as looking the file up. */
function writeHttpDate(modifiedMs: number): string {
  if (written.modifiedMs !== modifiedMs) written = { modifiedMs, date: new Date(modifiedMs).toUTCString() }
  return written.date
}

function answerFile(asked: Asked, file: Extract<Resource, { kind: 'file' }>): Answer {
  const common = {
    'Accept-Ranges': 'bytes',
    ETag: file.etag,
    'Last-Modified': writeHttpDate(file.modifiedMs),
    'X-Content-Type-Options': 'nosniff',
  }
  const ended = checkConditions(asked.headers, file)
  if (ended === 304) return { status: 304, headers: common, body: { kind: 'none' } }
  if (ended === 412) return answerStatus(412, common)
  // Range is defined for GET only.
  const wanted = asked.method === 'GET' && rangeCounts(asked.headers, file) ? asked.headers.range : undefined
  const range = readRange(wanted, file.sizeBytes)
  if (range === 'unsatisfiable') return answerStatus(416, { ...common, 'Content-Range': `bytes */${file.sizeBytes}` })
  const { start, end } = range === 'whole' ? { start: 0, end: file.sizeBytes } : range
  const headers: Answer['headers'] = common
  headers['Content-Type'] = mediaType(file.name)
  headers['Content-Length'] = end - start
  if (range !== 'whole') headers['Content-Range'] = `bytes ${start}-${end - 1}/${file.sizeBytes}`
  return { status: range === 'whole' ? 200 : 206, headers, body: { kind: 'bytes', start, end } }
}

/** A folder: to machines a plain listing, to browsers a page, and to the page's script what it keeps up to date. */
function answerFolder({ headers }: Asked, folder: Extract<Resource, { kind: 'folder' }>, boots: () => Boot[]): Answer {
  const common = { 'Cache-Control': 'no-store', Vary: 'Accept, User-Agent' }
  if (headers.accept === 'text/event-stream') {
    return { status: 200, headers: { ...common, 'Content-Type': 'text/event-stream' }, body: { kind: 'boots' } }
  }
  const { root, path, entries } = folder
  const text = isBrowser(headers) ? renderPage({ root, path }, entries, boots()) : renderListing(path, entries)
  return answerText(200, 'text/html', text, common)
}

/** The answer to a GET or HEAD for what was found; HEAD has the headers of GET and no body. */
export function decide(asked: Asked, found: Resource, boots: () => Boot[] = () => []): Answer {
  if (found.kind === 'file') return answerFile(asked, found)
  if (found.kind === 'folder') return answerFolder(asked, found, boots)
  return found.kind === 'moved' ? answerStatus(301, { Location: found.location }) : answerStatus(found.status)
}
