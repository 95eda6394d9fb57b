// The lab's own routes for devices, which do not depend on the face: for `lab status`, and for the page.
import { z } from 'zod/mini'

import { type Cloud, listDevices } from '../cloud/cloud.ts'
import type { Device } from '../cloud/device.ts'
import { isComingUp } from '../cloud/device-state.ts'
import type { CloudWords } from '../cloud/words.ts'
import type { Devices } from '../cloud/life/devices.ts'
import { accepted, type LabAnswer, noContent, notFound, ok, unprocessable } from '../web/answer.ts'
import { parseJson } from '../web/request.ts'
import type { Route, RoutedRequest } from '../web/router.ts'

const actionSchema = z.looseObject({ type: z.enum(['power_on', 'power_off', 'reboot']) })

/**
 * `GET /lab/devices` lists id, host name and state of each device, oldest first, in the words of the lab's cloud;
 * `DELETE /lab/devices/{id}` deletes one, and `POST /lab/devices/{id}/actions` with `{"type": "reboot"}` switches its power.
 */
export function deviceControlRoutes(cloud: Cloud, devices: Devices, { stateOf }: CloudWords): Route[] {
  const forDevice = ({ parameters: [id = ''] }: RoutedRequest, answer: (device: Device) => LabAnswer): LabAnswer => {
    const device = cloud.devices.get(id)
    return device === undefined ? notFound : answer(device)
  }
  const remove = (device: Device): LabAnswer => {
    if (device.locked) return unprocessable('Cannot delete a locked item')
    devices.remove(device)
    return noContent
  }
  const act = (device: Device, body: Buffer): LabAnswer => {
    const parsed = actionSchema.safeParse(parseJson(body)?.value)
    if (!parsed.success) return unprocessable('type is invalid')
    const { type } = parsed.data
    if (isComingUp(device) || device.state === 'deprovisioning') {
      return unprocessable(`Cannot ${type} a device while it is ${stateOf(device)}`)
    }
    devices.act(device, type)
    return accepted
  }
  const describe = (device: Device) => ({ id: device.id, hostname: device.hostname, state: stateOf(device) })
  return [
    ['GET /lab/devices', () => ok({ devices: listDevices(cloud).map(describe) })],
    ['DELETE /lab/devices/{id}', (request) => forDevice(request, remove)],
    ['POST /lab/devices/{id}/actions', (request) => forDevice(request, (device) => act(device, request.body))],
  ]
}
