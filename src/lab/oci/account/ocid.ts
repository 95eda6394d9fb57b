// OCIDs, `ocid1.<type>.<realm>.<region>.<unique part>`. The lab derives them from names, so that the same thing has the same id in every lab.
import { createHash } from 'node:crypto'

const letters = 'abcdefghijklmnopqrstuvwxyz234567'

/** The short name of the lab's region in OCIDs. */
export const regionKey = 'sjc'

/** The unique part: 60 characters of base32. */
function uniquePart(name: string): string {
  const bytes = createHash('sha512').update(`metalkit lab ${name}`).digest()
  return [...bytes.subarray(0, 60)].map((byte) => letters.charAt(byte & 31)).join('')
}

/** The id of something of a region. */
export function regionalOcid(type: string, name: string): string {
  return `ocid1.${type}.oc1.${regionKey}.${uniquePart(`${type} ${name}`)}`
}

/** The id of something that all regions share: tenancy, user, compartment. */
export function globalOcid(type: string, name: string): string {
  return `ocid1.${type}.oc1..${uniquePart(`${type} ${name}`)}`
}
