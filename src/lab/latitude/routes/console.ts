// Out-of-band connections.
import { z } from 'zod/mini'

import type { Address } from '../../../address.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { beingProvisioned, notFound, single, type JsonResource } from '../model/answers.ts'
import { checkAttributes, refuseAll, withAttributes } from '../input/body.ts'
import { refuseKeys } from '../input/create.ts'
import { connectOutOfBand, type OutOfBandConnection, findConnection, usernameOf } from '../model/out-of-band.ts'
import { withServer } from './named.ts'

const inputSchema = z.looseObject({ ssh_key_id: z.string() })

/** A connection, with the credentials of the operating system: the real service sends them too, and no client may show them. */
function connectionView(
  device: Device,
  connection: OutOfBandConnection,
  cloud: Cloud,
  { host, port }: Address,
): JsonResource {
  const key = cloud.keys.get(connection.keyId)
  return {
    id: connection.id,
    type: 'out_of_band',
    attributes: {
      ssh_key: { id: connection.keyId, description: key?.label ?? '', fingerprint: key?.fingerprint ?? '' },
      created_at: connection.createdAt,
      username: usernameOf(connection),
      credentials: { user: 'root', password: device.rootPassword },
      port: String(port),
      // Always an address.
      access_ip: host === 'localhost' ? '127.0.0.1' : host,
      server_id: device.id,
      status: 'connected',
    },
  }
}

/** Routes for out-of-band connections to consoles at an address. */
export function consoleRoutes(cloud: Cloud, devices: Devices, address: Address): Route[] {
  /** A connection is refused until the machine is switched on for the first time; how the service refuses it is inferred. */
  const open = (request: RoutedRequest): LabAnswer =>
    withServer(cloud, request, (device) =>
      withAttributes(request, { type: 'out_of_band' }, (attributes) => {
        const checked = checkAttributes(inputSchema, attributes)
        if ('reasons' in checked) return refuseAll(checked.reasons)
        const { ssh_key_id: keyId } = checked.value
        const project = cloud.projects.get(device.projectId)
        const reasons = project === undefined ? [] : refuseKeys(cloud, project, [keyId])
        if (reasons.length > 0) return refuseAll(reasons)
        const isOn = devices.find(device.id)?.chassis.isOn === true
        if (device.readyAt === null && !isOn) return beingProvisioned
        return single(connectionView(device, connectOutOfBand(device, keyId, cloud), cloud, address), 201)
      }),
    )
  const get = (request: RoutedRequest): LabAnswer =>
    withServer(cloud, request, (device) => {
      const connection = findConnection(device)
      return connection === undefined ? notFound : single(connectionView(device, connection, cloud, address))
    })
  return [
    ['POST /servers/{id}/out_of_band_connection', open],
    ['GET /servers/{id}/out_of_band_connection', get],
  ]
}
