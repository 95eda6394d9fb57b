// Addresses that a project reserves and assigns to its devices, from the ranges for documentation (RFC 5737, RFC 3849).
import { randomUUID } from 'node:crypto'

import { type Block, blockOf, contains, findFree, formatBlock, overlaps } from './block.ts'

/** The pool of addresses for each kind of reservation. Devices' own addresses are from other ranges. */
const pools = {
  public_ipv4: '198.51.100.0/24',
  global_ipv4: '192.0.2.0/24',
  private_ipv4: '10.67.0.0/16',
  public_ipv6: '2001:db8:1::/48',
} as const

export type ReservationKind = keyof typeof pools

/** The kinds of reservation. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a constant
export const reservationKinds = Object.keys(pools) as ReservationKind[]

/** The editable notes of a reservation. */
export interface ReservationNotes {
  tags: string[]
  details: string | null
  customdata: Record<string, unknown>
}

/** A block that a project holds. Blocks are texts, `198.51.100.4/31`; times are RFC 3339. */
export interface Reservation extends ReservationNotes {
  readonly id: string
  readonly projectId: string
  readonly kind: ReservationKind
  readonly block: string
  /** The metro where it can be used; undefined for a global one. */
  readonly metro: string | undefined
  /** The facility that the request named. */
  readonly facility: string | undefined
  readonly createdAt: string
}

/** A part of a reservation, assigned to a device. */
export interface Assignment {
  readonly id: string
  readonly reservationId: string
  readonly deviceId: string
  readonly block: string
  customdata: Record<string, unknown>
  readonly createdAt: string
}

/** The highest number of addresses in one reservation. */
const maxAddresses = 256

/** The size of an IPv6 reservation, whatever its quantity. */
const ipv6Cidr = 64

/** The size of a block for a number of addresses; undefined if the number is not a power of two. */
function cidrFor(kind: ReservationKind, quantity: number): number | undefined {
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > maxAddresses) return undefined
  if (kind === 'public_ipv6') return ipv6Cidr
  const bits = Math.log2(quantity)
  return Number.isInteger(bits) ? 32 - bits : undefined
}

/** Creates a reservation that overlaps no other project's; the texts of the refusals are inferred. */
export function reserve(
  all: Iterable<Reservation>,
  request: Omit<Reservation, 'id' | 'block' | 'createdAt'>,
  quantity: number,
): Reservation | { error: string } {
  const cidr = cidrFor(request.kind, quantity)
  if (cidr === undefined) return { error: 'Quantity must be a power of two, at most 256' }
  const taken = [...all].map(({ block }) => blockOf(block))
  const [block] = findFree(blockOf(pools[request.kind]), cidr, taken, 1)
  if (block === undefined) return { error: `There are no ${quantity} ${request.kind} addresses left` }
  return { ...request, id: randomUUID(), block: formatBlock(block), createdAt: new Date().toISOString() }
}

/** The blocks of a reservation that are assigned to devices. */
function takenOf({ id }: Reservation, assignments: Iterable<Assignment>): Block[] {
  return [...assignments].filter(({ reservationId }) => reservationId === id).map(({ block }) => blockOf(block))
}

/** Lists the first free parts of the given size in a reservation, as texts. */
export function listAvailable(reservation: Reservation, assignments: Iterable<Assignment>, cidr: number): string[] {
  const taken = takenOf(reservation, assignments)
  return findFree(blockOf(reservation.block), cidr, taken, maxAddresses).map(formatBlock)
}

/** Assigns a block to a device, from one of the reservations that the device may use; undefined if the block is not free in any. */
export function assign(
  block: Block,
  deviceId: string,
  usable: readonly Reservation[],
  assignments: readonly Assignment[],
  customdata: Record<string, unknown>,
): Assignment | undefined {
  const reservation = usable.find((candidate) => contains(blockOf(candidate.block), block))
  if (reservation === undefined) return undefined
  if (takenOf(reservation, assignments).some((taken) => overlaps(taken, block))) return undefined
  return {
    id: randomUUID(),
    reservationId: reservation.id,
    deviceId,
    block: formatBlock(block),
    customdata,
    createdAt: new Date().toISOString(),
  }
}
