// The request target as names in a folder. It is parsed by hand because a URL parser would resolve `..` first, and a
// path that leaves the folder must be seen in order to be refused.
import { sep } from 'node:path'

/** A parsed target: decoded names from the root on, the slashes after the last name, and the query with its `?`. */
export interface Target {
  names: readonly string[]
  trailingSlashes: number
  query: string
}

/** A target that names no file: 400 if it is malformed, 404 if it cannot exist. */
export interface BadTarget {
  status: 400 | 404
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One percent-decoded name; node:http passes raw bytes as latin1. Undefined if it is not UTF-8 (overlong forms included). */
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
 * Parses a request target in origin form (`/a/b?c`) or absolute form (`http://host/a/b?c`). Empty names (`//a`, as a
 * base URL with a trailing slash produces) and `.` are skipped; a name that is `..` or contains a separator does not exist.
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
