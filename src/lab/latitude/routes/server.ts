// Servers: create, list, get, change, delete, lock, power and scheduled deletion.
import { z } from 'zod/mini'

import { findRoom } from '../../cloud/capacity.ts'
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import { createDevice, type Device } from '../../cloud/device.ts'
import { isComingUp } from '../../cloud/device-state.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import { type LabAnswer, noContent } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { beingProvisioned, bare, locked, single, outOfStock, reserved } from '../model/answers.ts'
import { siteOf } from '../model/catalogue.ts'
import { randomId } from '../model/ids.ts'
import { checkAttributes, refuseAll, withAttributes } from '../input/body.ts'
import { checkCreate, refuseHostname } from '../input/create.ts'
import { pageOf, refuseParameters } from '../model/page.ts'
import { isReserved } from '../model/project.ts'
import { matchesFilters, serverFilters } from '../model/server-filters.ts'
import { createdView, serverView } from '../views/server.ts'
import { withServer } from './named.ts'

const changeSchema = z.looseObject({
  hostname: z.optional(z.string()),
  billing: z.nullish(z.enum(['hourly', 'monthly', 'yearly'])),
  /** A lab has no tags. */
  tags: z.nullish(z.array(z.string()).check(z.maxLength(0))),
})

const actions = {
  power_on: 'Powering on device',
  power_off: 'Powering off device',
  reboot: 'Rebooting device',
} as const
const actionSchema = z.looseObject({ action: z.enum(['power_on', 'power_off', 'reboot']) })

/** The lengths of the billing cycles, in days. */
const cycleDays: Readonly<Record<string, number>> = { hourly: 1 / 24, monthly: 30, yearly: 365 }

/** The end of the current billing cycle, RFC 3339. */
function endOfCycle({ createdAt, billingCycle }: Device): string {
  const cycleMs = (cycleDays[billingCycle] ?? 30) * 86_400_000
  const startMs = Date.parse(createdAt)
  return new Date(startMs + Math.ceil((Date.now() - startMs) / cycleMs) * cycleMs).toISOString()
}

function asksForCredentials(query: URLSearchParams): boolean {
  return (query.get('extra_fields[servers]') ?? '').split(',').includes('credentials')
}

function touch(device: Device, change: Partial<Device>): void {
  Object.assign(device, change, { updatedAt: new Date().toISOString() })
}

/** Routes for servers. */
export function serverRoutes(cloud: Cloud, devices: Devices): Route[] {
  const forServer = (request: RoutedRequest, answer: (device: Device) => LabAnswer) =>
    withServer(cloud, request, answer)

  const create = (request: RoutedRequest): LabAnswer =>
    withAttributes(request, { type: 'servers' }, (attributes) => {
      const checked = checkCreate(attributes, cloud)
      if ('reasons' in checked) return refuseAll(checked.reasons)
      const { request: wanted, projectId } = checked.value
      if (findRoom(cloud, [{ plan: wanted.plan }]) === undefined) {
        return outOfStock(wanted.plan.slug, siteOf(wanted.metro))
      }
      const device = createDevice(projectId, wanted, undefined, cloud.settings.createId('device'))
      device.plight = request.plight
      devices.create(device)
      return single(createdView(device), 201)
    })

  /** Newest first; the order is inferred. */
  const list = ({ query }: RoutedRequest): LabAnswer => {
    const refused = refuseParameters(query, [...serverFilters, 'extra_fields[servers]'])
    if (refused !== undefined) return refused
    const matching = listDevices(cloud).filter((device) => matchesFilters(device, query, cloud))
    const isFull = asksForCredentials(query)
    return pageOf(matching.toReversed(), query, (device) => serverView(device, cloud, isFull))
  }

  const change = (request: RoutedRequest): LabAnswer =>
    forServer(request, (device) =>
      withAttributes(request, { type: 'servers', id: device.id }, (attributes) => {
        if (device.locked) return locked
        const checked = checkAttributes(changeSchema, attributes)
        if ('reasons' in checked) return refuseAll(checked.reasons)
        const { hostname = device.hostname, billing } = checked.value
        const reasons = refuseHostname(hostname)
        if (reasons.length > 0) return refuseAll(reasons)
        touch(device, { hostname, billingCycle: billing ?? device.billingCycle })
        return single(serverView(device, cloud))
      }),
    )

  const remove = (request: RoutedRequest): LabAnswer =>
    forServer(request, (device) => {
      const project = cloud.projects.get(device.projectId)
      if (device.locked) return locked
      if (project !== undefined && isReserved(project)) return reserved
      devices.remove(device)
      return noContent
    })

  const act = (request: RoutedRequest): LabAnswer =>
    forServer(request, (device) =>
      withAttributes(request, { type: 'actions' }, (attributes) => {
        const checked = checkAttributes(actionSchema, attributes)
        if ('reasons' in checked) return refuseAll(checked.reasons)
        if (isComingUp(device) || device.state === 'deprovisioning') return beingProvisioned
        const { action } = checked.value
        devices.act(device, action)
        return single({ id: randomId('act'), type: 'actions', attributes: { status: actions[action] } }, 201)
      }),
    )

  const schedule = (request: RoutedRequest): LabAnswer =>
    forServer(request, (device) => {
      if (device.locked) return locked
      const terminationTime = endOfCycle(device)
      touch(device, { terminationTime })
      const attributes = { server_id: device.id, scheduled_deletion_at: terminationTime }
      return single({ id: device.id, type: 'schedule_deletion', attributes }, 201)
    })

  const setLock = (isLocked: boolean) => (request: RoutedRequest) =>
    forServer(request, (device) => {
      touch(device, { locked: isLocked })
      return bare({ data: serverView(device, cloud) })
    })

  return [
    ['POST /servers', create],
    ['GET /servers', list],
    [
      'GET /servers/{id}',
      (request) => forServer(request, (device) => single(serverView(device, cloud, asksForCredentials(request.query)))),
    ],
    ['PATCH /servers/{id}', change],
    ['DELETE /servers/{id}', remove],
    ['POST /servers/{id}/actions', act],
    ['POST /servers/{id}/schedule_deletion', schedule],
    [
      'DELETE /servers/{id}/schedule_deletion',
      (request) =>
        forServer(request, (device) => {
          touch(device, { terminationTime: null })
          return noContent
        }),
    ],
    ['POST /servers/{id}/lock', setLock(true)],
    ['POST /servers/{id}/unlock', setLock(false)],
  ]
}
