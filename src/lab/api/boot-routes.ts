// What machines ask for while they boot. No token: the device's id, which only its owner knows, is in the path.
import { bootScript } from '../boot-script.ts'
import type { Cloud } from '../cloud.ts'
import type { Device } from '../device.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { notFound, plain } from './answer.ts'
import type { Answer } from './answer.ts'
import type { Route } from './router.ts'

/** Routes of the boot server. `bootUrlOf` is its URL for a device. */
export function bootRoutes(cloud: Cloud, lifecycle: Lifecycle, bootUrlOf: (device: Device) => string): Route[] {
  const withDevice = (id: string | undefined, act: (device: Device) => Answer): Answer => {
    const device = cloud.devices.get(id ?? '')
    return device === undefined ? notFound : act(device)
  }
  return [
    [
      'GET /boot/{id}/auto.ipxe',
      ({ parameters: [id] }) => withDevice(id, (device) => plain(bootScript(device, bootUrlOf(device)))),
    ],
    [
      'GET|POST /boot/{id}/phone-home',
      ({ parameters: [id], query }) =>
        withDevice(id, (device) => {
          if (query.get('type') === 'provisioning.104.01') lifecycle.connected(device)
          return plain('ok\n')
        }),
    ],
  ]
}
