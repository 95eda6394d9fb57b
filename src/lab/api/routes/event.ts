// Events, of one device or of all (EventList.yaml).
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import type { DeviceEvent } from '../../cloud/device-events.ts'
import type { Device } from '../../cloud/device.ts'
import { type LabAnswer, notFound, ok } from '../../web/answer.ts'
import { eventView } from '../views/device.ts'
import { paginate } from '../../web/paging.ts'
import type { Route } from '../../web/router.ts'
import { withDevice, withOrganization, withProject } from './named.ts'

/** The events of some devices, newest first. */
function eventsOf(devices: readonly Device[]): { event: DeviceEvent; device: Device }[] {
  const all = devices.flatMap((device) => device.events.map((event) => ({ event, device })))
  // Events of the same millisecond keep their order.
  return devices.length === 1
    ? all.toReversed()
    : all.toSorted((a, b) => b.event.createdAt.localeCompare(a.event.createdAt))
}

function listEvents(devices: readonly Device[], path: string, query: URLSearchParams): LabAnswer {
  const { page, meta } = paginate(eventsOf(devices), path, query)
  return ok({ events: page.map(({ event, device }) => eventView(event, device)), meta })
}

/** Routes for events. */
export function eventRoutes(cloud: Cloud): Route[] {
  const all = (path: string, query: URLSearchParams, projectId?: string) =>
    listEvents(listDevices(cloud, projectId), path, query)
  return [
    ['GET /events', ({ path, query }) => all(path, query)],
    [
      'GET /projects/{id}/events',
      ({ parameters: [id], path, query }) => withProject(cloud, id, () => all(path, query, id)),
    ],
    [
      'GET /organizations/{id}/events',
      ({ parameters: [id], path, query }) => withOrganization(cloud, id, () => all(path, query)),
    ],
    [
      'GET /devices/{id}/events',
      ({ parameters: [id], path, query }) => withDevice(cloud, id, (device) => listEvents([device], path, query)),
    ],
    [
      'GET /events/{id}',
      ({ parameters: [id] }) => {
        const match = eventsOf(listDevices(cloud)).find(({ event }) => event.id === id)
        return match === undefined ? notFound : ok(eventView(match.event, match.device))
      },
    ],
  ]
}
