// The lab's own route: forwarding a local port to a machine's TCP port.
import { z } from 'zod/mini'

import { describeError, LabError } from '../../errors.ts'
import type { Cloud } from '../cloud/cloud.ts'
import type { Device } from '../cloud/device.ts'
import type { Devices } from '../cloud/life/devices.ts'
import { type LabAnswer, created, refuse, unprocessable } from '../web/answer.ts'
import { parseJson } from '../web/request.ts'
import type { Route } from '../web/router.ts'

const port = z.int().check(z.gte(1), z.lte(65_535))
const forwardSchema = z.looseObject({ port, host_port: z.nullish(port) })

/** `POST /lab/devices/{id}/forwards` with `{"port": 22}`, and `host_port` to choose the local port. */
export function forwardRoutes(cloud: Cloud, devices: Devices): Route[] {
  const forward = async (device: Device, body: Buffer): Promise<LabAnswer> => {
    const json = parseJson(body)
    if (json === undefined) return refuse(400, 'Bad request')
    const checked = forwardSchema.safeParse(json.value)
    if (!checked.success) return unprocessable('port is invalid')
    try {
      const hostPort = await devices.forward(device, checked.data.port, checked.data.host_port ?? 0)
      return created({ host: '127.0.0.1', host_port: hostPort, port: checked.data.port })
    } catch (error) {
      if (!(error instanceof LabError)) throw error
      return unprocessable(describeError(error).replace(/^lab: /, ''))
    }
  }
  return [
    [
      'POST /lab/devices/{id}/forwards',
      ({ parameters: [id = ''], body }) => {
        const device = cloud.devices.get(id)
        if (device !== undefined) return forward(device, body)
        return refuse(404, `there is no machine "${id}"; metalkit ls lists the machines`)
      },
    ],
  ]
}
