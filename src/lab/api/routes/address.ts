// The addresses that a project reserves and assigns to its devices (IPReservationRequestInput.yaml, IPAssignmentInput.yaml,
// IPAssignmentUpdateInput.yaml). The texts of the refusals are inferred.
import { z } from 'zod/mini'

import { parseBlock } from '../../cloud/addresses/block.ts'
import {
  assign,
  listAvailable,
  type Reservation,
  reservationKinds,
  reserve,
} from '../../cloud/addresses/reservation.ts'
import { type Catalogue, findFacility, findMetro } from '../../cloud/catalogue.ts'
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { created, type LabAnswer, noContent, notFound, ok, unprocessable } from '../../web/answer.ts'
import { paginate } from '../../web/paging.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { withInput } from '../input/body.ts'
import { amount, type Checked, checkShape, customdata, texts } from '../input/check.ts'
import { reservationView } from '../views/address.ts'
import { addressViews, blockViews } from '../views/network.ts'
import { withDevice, withProject } from './named.ts'

const noteFields = { tags: z.nullish(texts), details: z.nullish(z.string()), customdata: z.nullish(customdata) }
const reserveSchema = z.looseObject({
  ...noteFields,
  type: z.enum(reservationKinds),
  quantity: amount,
  metro: z.nullish(z.string()),
  facility: z.nullish(z.string()),
  fail_on_approval_required: z.nullish(z.boolean()),
})
/** More public addresses than these need an approval (inferred from packngo's acceptance tests). The lab approves all that it has. */
const maxUnapproved = 128
const assignSchema = z.looseObject({ address: z.string(), customdata: z.nullish(customdata) })
const noteSchema = z.looseObject(noteFields)

/** Where a reservation can be used: anywhere if it is global, otherwise in the requested metro or the metro of the requested facility. */
function choosePlace(
  { type, metro, facility }: z.infer<typeof reserveSchema>,
  catalogue: Catalogue,
): Checked<Pick<Reservation, 'metro' | 'facility'>> {
  if (type === 'global_ipv4') return { value: { metro: undefined, facility: undefined } }
  if (facility) {
    const location = findFacility(catalogue, facility)
    if (location === undefined) return { errors: [`${facility} is not a valid facility`] }
    return { value: { metro: location.metro.code, facility: location.code } }
  }
  if (!metro) return { errors: ["Metro can't be blank"] }
  const location = findMetro(catalogue, metro)
  if (location === undefined) return { errors: [`${metro} is not a valid metro`] }
  return { value: { metro: location.code, facility: undefined } }
}

function addReservation(cloud: Cloud, projectId: string, json: unknown): LabAnswer {
  const checked = checkShape(reserveSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { type: kind, quantity, tags, details, customdata: data } = checked.value
  if (cloud.settings.inventory !== undefined) {
    // The DHCP server assigns the addresses.
    return unprocessable(`There are no ${quantity} ${kind} addresses left`)
  }
  const place = choosePlace(checked.value, cloud.settings.catalogue)
  const needsApproval = kind === 'public_ipv4' && quantity > maxUnapproved
  if (needsApproval && checked.value.fail_on_approval_required === true) {
    return unprocessable(`A reservation of ${quantity} addresses needs an approval`)
  }
  if ('errors' in place) return unprocessable(...place.errors)
  const notes = { tags: tags ?? [], details: details ?? null, customdata: data ?? {} }
  const made = reserve(cloud.reservations.values(), { projectId, kind, ...place.value, ...notes }, quantity)
  if ('error' in made) return unprocessable(made.error)
  cloud.reservations.set(made.id, made)
  return created(reservationView(made, cloud))
}

function addAssignment(cloud: Cloud, device: Device, json: unknown): LabAnswer {
  const checked = checkShape(assignSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { address, customdata: data } = checked.value
  const block = parseBlock(address)
  if (block === undefined) return unprocessable(`${address} is not a valid address`)
  const usable = [...cloud.reservations.values()].filter(
    ({ projectId, metro }) => projectId === device.projectId && (metro === undefined || metro === device.metro.code),
  )
  const made = assign(block, device.id, usable, [...cloud.assignments.values()], data ?? {})
  if (made === undefined) return unprocessable(`${address} is not available`)
  cloud.assignments.set(made.id, made)
  return created(addressViews(device, cloud).find(({ id }) => id === made.id))
}

/** Routes for addresses. */
export function addressRoutes(cloud: Cloud): Route[] {
  const list = ({ path, query }: RoutedRequest, projectId: string): LabAnswer => {
    const types = (query.get('types') ?? query.get('type'))?.split(',')
    const all = [
      ...listDevices(cloud, projectId).flatMap((device) => blockViews(device, cloud)),
      ...[...cloud.reservations.values()]
        .filter((reservation) => reservation.projectId === projectId)
        .map((reservation) => reservationView(reservation, cloud)),
    ].filter(({ type }) => types === undefined || types.includes(type))
    // The only list with longer pages by default.
    if (!query.has('per_page')) query.set('per_page', '250')
    const { page, meta } = paginate(all, path, query)
    return ok({ ip_addresses: page, meta })
  }
  /** Finds a management address: one that belongs to a device, not to a reservation. */
  const findOwn = (id: string) =>
    listDevices(cloud)
      .flatMap((device) => [...addressViews(device, cloud), ...blockViews(device, cloud)])
      .find((view) => view.id === id)
  const show = (id: string): LabAnswer => {
    const reservation = cloud.reservations.get(id)
    if (reservation !== undefined) return ok(reservationView(reservation, cloud))
    const own = findOwn(id)
    return own === undefined ? notFound : ok(own)
  }
  const refuseOwn = (id: string): LabAnswer =>
    findOwn(id) === undefined ? notFound : unprocessable('A management address belongs to its device')

  const remove = (id: string): LabAnswer => {
    if (cloud.assignments.delete(id)) return noContent
    if (!cloud.reservations.has(id)) return refuseOwn(id)
    const isUsed = [...cloud.assignments.values()].some(({ reservationId }) => reservationId === id)
    if (isUsed) return unprocessable('Cannot delete a reservation with assigned addresses')
    cloud.reservations.delete(id)
    return noContent
  }
  const change = (id: string, json: unknown): LabAnswer => {
    const record = cloud.reservations.get(id) ?? cloud.assignments.get(id)
    if (record === undefined) return refuseOwn(id)
    const checked = checkShape(noteSchema, json)
    if ('errors' in checked) return unprocessable(...checked.errors)
    const { tags, details, customdata: data } = checked.value
    record.customdata = data ?? record.customdata
    if ('tags' in record) Object.assign(record, { tags: tags ?? record.tags, details: details ?? record.details })
    return show(id)
  }
  const showAvailable = (id: string, query: URLSearchParams): LabAnswer => {
    const reservation = cloud.reservations.get(id)
    if (reservation === undefined) return notFound
    const cidr = Number(query.get('cidr') ?? '')
    if (!Number.isInteger(cidr) || cidr < 1) return unprocessable("Cidr can't be blank")
    return ok({ available: listAvailable(reservation, cloud.assignments.values(), cidr) })
  }
  const showData = (id: string): LabAnswer => {
    const record = cloud.reservations.get(id) ?? cloud.assignments.get(id)
    return record === undefined ? notFound : ok(record.customdata)
  }
  return [
    [
      'GET /projects/{id}/ips',
      (request) => withProject(cloud, request.parameters[0], (project) => list(request, project.id)),
    ],
    [
      'POST /projects/{id}/ips',
      (request) =>
        withProject(cloud, request.parameters[0], ({ id }) =>
          withInput(request, (json) => addReservation(cloud, id, json)),
        ),
    ],
    [
      'GET /devices/{id}/ips',
      ({ parameters: [id] }) => withDevice(cloud, id, (device) => ok({ ip_addresses: addressViews(device, cloud) })),
    ],
    [
      'POST /devices/{id}/ips',
      (request) =>
        withDevice(cloud, request.parameters[0], (device) =>
          withInput(request, (json) => addAssignment(cloud, device, json)),
        ),
    ],
    ['GET /ips/{id}', ({ parameters: [id = ''] }) => show(id)],
    ['DELETE /ips/{id}', ({ parameters: [id = ''] }) => remove(id)],
    ['PUT|PATCH /ips/{id}', (request) => withInput(request, (json) => change(request.parameters[0] ?? '', json))],
    ['GET /ips/{id}/available', ({ parameters: [id = ''], query }) => showAvailable(id, query)],
    ['GET /ips/{id}/customdata', ({ parameters: [id = ''] }) => showData(id)],
    ['GET /projects/{id}/ips/{id}/customdata', ({ parameters: [, id = ''] }) => showData(id)],
    ['GET /devices/{id}/ips/{id}/customdata', ({ parameters: [, id = ''] }) => showData(id)],
  ]
}
