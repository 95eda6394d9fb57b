// The Range header (RFC 9110, section 14).

/** Bytes of a file: from start up to, not including, end. */
export interface ByteRange {
  start: number
  end: number
}

/**
 * The one range a header asks for. 'whole' where the header is to be ignored: it is malformed, has another unit, asks for
 * several ranges (nothing that boots does; answering with multipart only invites many overlapping ones), or the file is
 * empty (some clients ask for a range always). 'unsatisfiable' is a 416.
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
