// Ids that are the same in every lab: of plans, operating systems, metros and facilities.
import { createHash } from 'node:crypto'

/** Derives a UUID (in the form of version 5) from a name. */
export function nameUuid(name: string): string {
  const bytes = createHash('sha1').update(`metalkit lab ${name}`).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
