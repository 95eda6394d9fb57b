// The addresses that a new device gets (IPAddress.yaml). The texts of the refusals are inferred.
import { z } from 'zod/mini'

import { blockOf } from '../../cloud/addresses/block.ts'
import { assign, type Assignment, type Reservation } from '../../cloud/addresses/reservation.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { type AddressKind, addressKinds } from '../../cloud/device.ts'
import { amount, type Checked, flag, texts } from './check.ts'

/** `ip_addresses` of a create request. Sizes other than the default are accepted but ignored. */
export const addressesSchema = z.array(
  z.looseObject({
    address_family: z.pipe(amount, z.union([z.literal(4), z.literal(6)])),
    public: z._default(flag, true),
    ip_reservations: z.nullish(texts),
  }),
)

/** The addresses of a new device: the kinds that are assigned to every device, and reservations that it gets as a whole. */
export interface ChosenAddresses {
  kinds: AddressKind[]
  reservations: Reservation[]
}

/** Checks the requested addresses; the default is every kind. The specification requires private IPv4. */
export function checkAddresses(
  addresses: z.infer<typeof addressesSchema> | null | undefined,
  cloud: Cloud,
  projectId: string,
): Checked<ChosenAddresses> {
  if (addresses === undefined || addresses === null || addresses.length === 0) {
    return { value: { kinds: [...addressKinds], reservations: [] } }
  }
  const names = addresses.map(
    (address): string => `${address.public ? 'public' : 'private'}_ipv${address.address_family}`,
  )
  if (names.includes('private_ipv6')) return { errors: ['private IPv6 addresses are not available'] }
  if (!names.includes('private_ipv4')) return { errors: ['ip_addresses must include a private IPv4 address'] }
  const ids = addresses.flatMap((address) => address.ip_reservations ?? [])
  const reservations = ids
    .flatMap((id) => cloud.reservations.get(id) ?? [])
    .filter((reservation) => reservation.projectId === projectId)
  const unknown = ids.filter((id) => !reservations.some((reservation) => reservation.id === id))
  if (unknown.length > 0) return { errors: unknown.map((id) => `${id} is not a valid IP reservation`) }
  return { value: { kinds: addressKinds.filter((kind) => names.includes(kind)), reservations } }
}

/** Returns a reason for each reservation that is in another metro than the device, or assigned to another device. */
export function refuseReservations(reservations: readonly Reservation[], metro: string, cloud: Cloud): string[] {
  const taken = new Set([...cloud.assignments.values()].map(({ reservationId }) => reservationId))
  return reservations
    .filter(
      (reservation) => taken.has(reservation.id) || (reservation.metro !== undefined && reservation.metro !== metro),
    )
    .map(({ block }) => `${block} is not available`)
}

/** Assigns whole reservations to a new device. */
export function giveReservations(reservations: readonly Reservation[], deviceId: string, cloud: Cloud): void {
  for (const reservation of reservations) {
    const assignments: Assignment[] = [...cloud.assignments.values()]
    const made = assign(blockOf(reservation.block), deviceId, [reservation], assignments, {})
    if (made !== undefined) cloud.assignments.set(made.id, made)
  }
}
