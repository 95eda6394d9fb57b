// The lab's own list of devices, which does not depend on the face.
import { type Cloud, listDevices } from '../cloud/cloud.ts'
import { ok } from '../web/answer.ts'
import type { Route } from '../web/router.ts'

/** `GET /lab/devices`: id, host name and state of each device, oldest first. */
export function deviceListRoute(cloud: Cloud): Route {
  return [
    'GET /lab/devices',
    () => ok({ devices: listDevices(cloud).map(({ id, hostname, state }) => ({ id, hostname, state })) }),
  ]
}
