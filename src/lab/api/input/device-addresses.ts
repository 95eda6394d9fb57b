// Which addresses a new device gets (IPAddress.yaml).
import { z } from 'zod'

import { type AddressKind, addressKinds } from '../../cloud/device.ts'
import { amount, type Checked, flag } from './check.ts'

/** `ip_addresses` of a create. Sizes other than the default ones are taken and not followed. */
export const addressesSchema = z.array(
  z.looseObject({ address_family: amount.pipe(z.union([z.literal(4), z.literal(6)])), public: flag.default(true) }),
)

/** The kinds of address that are asked for, all by default. The specification requires private IPv4; the refusals are inferred. */
export function checkAddresses(wanted: z.infer<typeof addressesSchema> | null | undefined): Checked<AddressKind[]> {
  if (wanted === undefined || wanted === null || wanted.length === 0) return { value: [...addressKinds] }
  const names = wanted.map((one): string => `${one.public ? 'public' : 'private'}_ipv${one.address_family}`)
  if (names.includes('private_ipv6')) return { errors: ['private IPv6 addresses are not available'] }
  if (!names.includes('private_ipv4')) return { errors: ['ip_addresses must include a private IPv4 address'] }
  return { value: addressKinds.filter((kind) => names.includes(kind)) }
}
