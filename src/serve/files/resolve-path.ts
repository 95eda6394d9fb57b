// The request target as names in a folder. It is read by hand because a URL parser would resolve `..` first, and a
// way out of the folder must be seen to be refused.
import { sep } from 'node:path'

/** What a request asks for: decoded names from the root on, the slashes after the last one, and the query with its `?`. */
export interface Target {
  names: readonly string[]
  trailingSlashes: number
  query: string
}

/** A request target that names nothing here: 400 for what is malformed, 404 for what cannot exist. */
export interface BadTarget {
  status: 400 | 404
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One name, percent-decoded; node:http hands raw bytes over as latin1. Undefined for what is not UTF-8 (overlong forms too). */
function decodeName(text: string): string | undefined {
  if (/^[\w.~-]*$/.test(text)) return text
  const bytes = text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
  try {
    return utf8.decode(Buffer.from(bytes, 'latin1'))
  } catch {
    return undefined
  }
}

/**
 * Reads a request target, in origin form (`/a/b?c`) or absolute form (`http://host/a/b?c`). Empty names (`//a`, as a
 * base URL with a slash at its end gives) and `.` are skipped; a name that is `..` or holds a separator does not exist.
 */
export function readTarget(text: string): Target | BadTarget {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/is.exec(text)?.[1]
  const origin = absolute === undefined ? text : absolute.startsWith('/') ? absolute : `/${absolute}`
  const mark = origin.indexOf('?')
  const path = mark === -1 ? origin : origin.slice(0, mark)
  if (!path.startsWith('/') || /%(?![0-9a-f]{2})/i.test(path) || /\0|%00/.test(path)) return { status: 400 }
  const names: string[] = []
  for (const raw of path.split('/')) {
    const name = decodeName(raw)
    if (name === undefined || name === '..' || name.includes('/') || name.includes(sep)) return { status: 404 }
    if (name !== '' && name !== '.') names.push(name)
  }
  const slashes = /\/+$/.exec(path)?.[0].length ?? (/\/(\.|%2e)$/i.test(path) ? 1 : 0)
  return { names, trailingSlashes: slashes, query: mark === -1 ? '' : origin.slice(mark) }
}
