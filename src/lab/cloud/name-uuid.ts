// Ids of things that are the same in every lab: plans, operating systems, places.
import { createHash } from 'node:crypto'

/** A UUID (version 5 in shape) that depends on the name alone. */
export function nameUuid(name: string): string {
  const bytes = createHash('sha1').update(`metalkit lab ${name}`).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
