// Reservations and assignments of a project on the wire (IPReservation.yaml, IPAssignment.yaml); the addresses that every device has
// are in network.ts.
import { addressOf, type Block, blockOf, netmaskOf } from '../../cloud/addresses/block.ts'
import type { Assignment, Reservation } from '../../cloud/addresses/reservation.ts'
import { findFacility, findMetro } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { facilityView, hrefOf, metroView } from './catalogue.ts'
import { wireTime } from './time.ts'

function blockFields(block: Block) {
  const address = addressOf(block)
  return {
    address,
    network: address,
    gateway: address,
    netmask: netmaskOf(block),
    cidr: block.cidr,
    address_family: block.family,
  }
}

function usageFields({ kind, metro: code }: Reservation, { settings }: Cloud) {
  const metro = code === undefined ? undefined : findMetro(settings.catalogue, code)
  return {
    public: kind !== 'private_ipv4',
    management: false,
    manageable: true,
    enabled: true,
    global_ip: kind === 'global_ipv4',
    ...(metro === undefined ? {} : { metro: metroView(metro) }),
  }
}

/** A reservation. */
export function reservationView(reservation: Reservation, cloud: Cloud) {
  const { id, facility: code } = reservation
  const facility = code === undefined ? undefined : findFacility(cloud.settings.catalogue, code)
  return {
    ...hrefOf(`/ips/${id}`),
    id,
    ...blockFields(blockOf(reservation.block)),
    ...usageFields(reservation, cloud),
    type: reservation.kind,
    addon: true,
    bill: true,
    details: reservation.details,
    tags: reservation.tags,
    state: 'created',
    available: hrefOf(`/ips/${id}/available`).href,
    customdata: reservation.customdata,
    ...(facility === undefined ? {} : { facility: facilityView(facility.code, facility.metro) }),
    project: hrefOf(`/projects/${reservation.projectId}`),
    project_lite: hrefOf(`/projects/${reservation.projectId}`),
    requested_by: hrefOf(`/users/${cloud.userId}`),
    assignments: [...cloud.assignments.values()]
      .filter(({ reservationId }) => reservationId === id)
      .map((assignment) => hrefOf(`/ips/${assignment.id}`)),
    created_at: wireTime(reservation.createdAt),
  }
}

/** An assignment of a reservation. */
export function assignmentView(assignment: Assignment, reservation: Reservation, cloud: Cloud) {
  const { network, netmask, cidr } = blockFields(blockOf(reservation.block))
  return {
    ...hrefOf(`/ips/${assignment.id}`),
    id: assignment.id,
    ...blockFields(blockOf(assignment.block)),
    ...usageFields(reservation, cloud),
    type: 'IPAssignment',
    assigned_to: hrefOf(`/devices/${assignment.deviceId}`),
    parent_block: { network, netmask, cidr, ...hrefOf(`/ips/${reservation.id}`) },
    created_at: wireTime(assignment.createdAt),
  }
}

/** The assignments of a device, oldest first. */
export function assignmentViews(deviceId: string, cloud: Cloud) {
  return [...cloud.assignments.values()].flatMap((assignment) => {
    const reservation = cloud.reservations.get(assignment.reservationId)
    return assignment.deviceId === deviceId && reservation !== undefined
      ? [assignmentView(assignment, reservation, cloud)]
      : []
  })
}
