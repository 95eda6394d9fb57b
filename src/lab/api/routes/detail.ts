// The parts of a device: its data, ports, keys and health.
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { describeMetadata } from '../views/metadata.ts'
import { type LabAnswer, noContent, notFound, ok, refuse, unprocessable } from '../../web/answer.ts'
import { keyView } from '../views/key.ts'
import { portViews } from '../views/network.ts'
import { wireTime } from '../views/time.ts'
import type { Route } from '../../web/router.ts'
import { withDevice } from './named.ts'

/** Whether an operating system could use this userdata; which forms the API accepted is inferred. */
function isUserdata(text: string): boolean {
  return text === '' || /^(#!|#cloud-config|#include|#cloud-boothook|Content-Type:|\{)/.test(text)
}

function isHealthy(device: Device): boolean {
  return device.state !== 'failed'
}

/** Routes for the parts of a device. */
export function detailRoutes(cloud: Cloud): Route[] {
  const of = (pattern: string, answer: (device: Device) => LabAnswer): Route => [
    pattern,
    ({ parameters: [id] }) => withDevice(cloud, id, answer),
  ]
  const findById = <T extends { id: string }>(views: (device: Device) => T[], id: string | undefined): LabAnswer => {
    const detail = listDevices(cloud)
      .flatMap(views)
      .find((view) => view.id === id)
    return detail === undefined ? notFound : ok(detail)
  }
  return [
    of('GET /devices/{id}/customdata', (device) => ok(device.customdata)),
    of('GET /devices/{id}/userdata', (device) => ok({ userdata: device.userdata })),
    of('GET /devices/{id}/metadata', (device) => ok(describeMetadata(device, cloud))),
    of('GET /devices/{id}/ssh-keys', (device) =>
      ok({ ssh_keys: device.keyIds.flatMap((id) => cloud.keys.get(id) ?? []).map((key) => keyView(key, cloud)) }),
    ),
    of('GET /devices/{id}/bandwidth', () => ok({ bandwidth: [] })),
    of('GET /devices/{id}/usages', () => ok({ usages: [] })),
    of('GET /devices/{id}/bgp/sessions', () => ok({ bgp_sessions: [] })),
    of('GET /devices/{id}/diagnostics/screenshot', () => refuse(501, 'Not implemented for this device')),
    of('GET /devices/{id}/diagnostics/health/rollup', (device) =>
      ok({ health_rollup: isHealthy(device) ? 'ok' : 'critical', updated_at: wireTime(device.updatedAt) }),
    ),
    ['GET /ports/{id}', ({ parameters: [id] }) => findById(portViews, id)],
    [
      'POST /userdata/validate',
      ({ query }) => (isUserdata(query.get('userdata') ?? '') ? noContent : unprocessable('Userdata is invalid')),
    ],
  ]
}
