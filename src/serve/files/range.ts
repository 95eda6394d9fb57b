// The Range header (RFC 9110, section 14).

/** Bytes of a file, from start up to but not including end. */
export interface ByteRange {
  start: number
  end: number
}

/**
 * The single range that a header requests. 'whole' if the header is to be ignored: it is malformed, has another unit, requests
 * several ranges (no boot loader does; multipart responses only invite many overlapping ranges), or the file is
 * empty (some clients always send a range). 'unsatisfiable' means 416.
 */
export function readRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  if (header === undefined || size === 0) return 'whole'
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header)
  if (match === null) return 'whole'
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return 'whole'
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'whole'
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}
