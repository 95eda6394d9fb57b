// Ids as Latitude.sh writes them: what it is, and 13 letters and digits, such as sv_LqG158rA60BOg.
import { createHash, randomBytes } from 'node:crypto'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function write(prefix: string, bytes: Buffer): string {
  return `${prefix}_${[...bytes.subarray(0, 13)].map((byte) => letters.charAt(byte % letters.length)).join('')}`
}

/** A new id. */
export function randomId(prefix: string): string {
  return write(prefix, randomBytes(13))
}

/** The id of something that is the same in every lab, or that belongs to an object with an id. */
export function namedId(prefix: string, name: string): string {
  return write(prefix, createHash('sha256').update(`${prefix} ${name}`).digest())
}
