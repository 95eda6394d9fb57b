// A fingerprint as a picture, as `ssh-keygen -lv` draws it: the walk of a drunken bishop over a board of 17 by 9, two bits
// of the hash a step (Loss, Limmer, von Gernler, "The drunken bishop: an analysis of the OpenSSH fingerprint visualization
// algorithm", 2009).
import { createHash } from 'node:crypto'
import { keySizeOf, keyTypeOf } from './host-key.ts'

const columns = 17
const rows = 9
const symbols = ' .o+=*BOX@%&#/^'

function clamp(value: number, size: number): number {
  return Math.min(size - 1, Math.max(0, value))
}

/** Text in the frame: truncated if too long, centred otherwise. */
function frame(text: string): string {
  const label = text === '' ? '' : `[${text}]`
  const left = Math.floor((columns - label.length) / 2)
  return `+${label.padStart(label.length + left, '-').padEnd(columns, '-')}+`
}

/** ssh's name of a key type in a picture: ED25519, ECDSA, RSA. */
function titleOf(key: Buffer): string {
  const type = keyTypeOf(key)
  const name = type
    .replace(
      /^(sk-)?(?:ssh-|ecdsa-sha2-nistp\d+)?(.*?)(?:@.*)?$/,
      (_, sk: string | undefined, rest: string) => `${rest || 'ecdsa'}${sk === undefined ? '' : '-sk'}`,
    )
    .toUpperCase()
  const size = keySizeOf(key)
  const title = `${name} ${size}`
  return title.length > columns - 2 ? name : title
}

/** The picture of a key's SHA-256 fingerprint, one string per line. */
export function drawRandomart(key: Buffer): string[] {
  const visits = Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0))
  let [x, y] = [(columns - 1) / 2, (rows - 1) / 2]
  for (const byte of createHash('sha256').update(key).digest()) {
    for (let shift = 0; shift < 8; shift += 2) {
      const step = (byte >> shift) & 3
      x = clamp(x + (step & 1 ? 1 : -1), columns)
      y = clamp(y + (step & 2 ? 1 : -1), rows)
      const row = visits[y]
      if (row !== undefined) row[x] = (row[x] ?? 0) + 1
    }
  }
  const board = visits.map((row, at) => {
    const cells = row.map((count, column) => {
      if (at === y && column === x) return 'E'
      if (at === (rows - 1) / 2 && column === (columns - 1) / 2) return 'S'
      return symbols[Math.min(count, symbols.length - 1)]
    })
    return `|${cells.join('')}|`
  })
  return [frame(titleOf(key)), ...board, frame('SHA256')]
}
