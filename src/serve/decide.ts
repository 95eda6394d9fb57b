// What is answered to a request, as data: from the method, the headers and what was found, and from nothing else.
import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import { checkConditions, rangeCounts, type Validators } from './conditional.ts'
import { type Entry, renderListing } from './listing.ts'
import { mediaType } from './media-type.ts'
import { type ByteRange, readRange } from './range.ts'

/** What a request found. */
export type Resource =
  | ({ kind: 'file'; name: string; sizeBytes: number } & Validators)
  | { kind: 'folder'; path: string; entries: readonly Entry[] }
  | { kind: 'moved'; location: string }
  | { kind: 'nothing'; status: 400 | 403 | 404 | 500 | 503 }

/** The part of a request that decides. */
export interface Asked {
  method: string
  httpVersion: string
  headers: IncomingHttpHeaders
}

/** An answer to send. A body of bytes is that part of the file that was found. */
export interface Answer {
  status: number
  headers: Record<string, string | number>
  body: { kind: 'none' } | { kind: 'text'; text: string } | ({ kind: 'bytes' } & ByteRange)
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

/** What is refused whatever it asks for: no Host, other methods than GET and HEAD, and expectations nobody meets. */
export function refuse(asked: Asked): Answer | undefined {
  if (asked.httpVersion === '1.1' && asked.headers.host === undefined) return answerStatus(400, { Connection: 'close' })
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return answerStatus(405, { Allow: 'GET, HEAD' })
  const { expect } = asked.headers
  return expect === undefined || expect.toLowerCase() === '100-continue' ? undefined : answerStatus(417)
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
  return {
    status: range === 'whole' ? 200 : 206,
    headers: {
      ...common,
      'Content-Type': mediaType(file.name),
      'Content-Length': end - start,
      ...(range === 'whole' ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${file.sizeBytes}` }),
    },
    body: { kind: 'bytes', start, end },
  }
}

/** The answer to a GET or HEAD for what was found; HEAD has the headers of GET and no body. */
export function decide(asked: Asked, found: Resource): Answer {
  if (found.kind === 'file') return answerFile(asked, found)
  if (found.kind === 'folder') return answerText(200, 'text/html', renderListing(found.path, found.entries))
  return found.kind === 'moved' ? answerStatus(301, { Location: found.location }) : answerStatus(found.status)
}
