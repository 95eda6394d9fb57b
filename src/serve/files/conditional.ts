// Conditional requests (RFC 9110, section 13): is the client's copy still current?
import type { IncomingHttpHeaders } from 'node:http'

/** Distinguishes versions of a file. HTTP dates have a resolution of one second; the ETag is exact. */
export interface Validators {
  /** A strong tag, including its quotes. */
  etag: string
  modifiedMs: number
}

const imfFixdate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/
const rfc850 = /^[A-Z][a-z]+day, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d:\d\d:\d\d) GMT$/
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/

/** An HTTP date in any of its three forms, in whole seconds since 1970; undefined for anything else. */
export function readHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const old = rfc850.exec(text)
  const year = Number(old?.[3]) + (Number(old?.[3]) < 70 ? 2000 : 1900)
  const modern = old === null ? text : `${old[1]} ${old[2]} ${year} ${old[4]} GMT`
  const known = old !== null || imfFixdate.test(text)
  const ms = Date.parse(known ? modern : asctime.test(text) ? `${text} GMT` : '')
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}

function seconds(validators: Validators): number {
  return Math.floor(validators.modifiedMs / 1000)
}

/** True if a list of entity tags (`*`, `"a", W/"b"`) contains the ETag; weak tags match only if `weak` is set. */
function listsEtag(list: string, etag: string, weak: boolean): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[\u0021\u0023-\u007e\u0080-\u00ff]*"/g) ?? []
  return tags.some((tag) => (weak ? tag.replace(/^W\//, '') : tag) === etag)
}

/** The status that ends a conditional GET or HEAD, 412 or 304; undefined if the file is to be sent. */
export function checkConditions(headers: IncomingHttpHeaders, validators: Validators): 304 | 412 | undefined {
  const ifMatch = headers['if-match']
  const ifUnmodified = readHttpDate(headers['if-unmodified-since'])
  if (ifMatch !== undefined) {
    if (!listsEtag(ifMatch, validators.etag, false)) return 412
  } else if (ifUnmodified !== undefined && seconds(validators) > ifUnmodified) {
    return 412
  }
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined) return listsEtag(ifNoneMatch, validators.etag, true) ? 304 : undefined
  const ifModified = readHttpDate(headers['if-modified-since'])
  return ifModified !== undefined && seconds(validators) <= ifModified ? 304 : undefined
}

/** True if a Range header applies: always without If-Range, otherwise only for exactly the version the client has a part of. */
export function rangeCounts(headers: IncomingHttpHeaders, validators: Validators): boolean {
  const ifRange = headers['if-range']
  if (ifRange === undefined) return true
  const text = String(ifRange).trim()
  return text.includes('"') ? text === validators.etag : readHttpDate(text) === seconds(validators)
}
