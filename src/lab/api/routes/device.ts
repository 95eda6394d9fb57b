// Devices: create, list, get, update, delete, and actions.
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { isComingUp, isInstalling } from '../../cloud/device-state.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import { accepted, created, type LabAnswer, noContent, notFound, ok, unprocessable } from '../../web/answer.ts'
import { checkAction, checkUpdate } from '../input/device-change.ts'
import { createDevices } from '../input/device-create.ts'
import { matchesQuery } from '../input/device-query.ts'
import { deviceView } from '../views/device.ts'
import { paginate } from '../../web/paging.ts'
import { withInput } from '../input/body.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { withDevice, withOrganization, withProject } from './named.ts'

/** `force_delete` is in the query by the specification, and in a JSON body from packngo. */
function isForced(query: URLSearchParams, body: unknown): boolean {
  const inQuery = query.get('force_delete')
  if (inQuery !== null) return inQuery !== 'false'
  return typeof body === 'object' && body !== null && 'force_delete' in body && body.force_delete === true
}

/** The reason why a device cannot be deleted now; undefined if it can. */
function refuseDelete(device: Device, forced: boolean): string | undefined {
  if (device.locked) return 'Cannot delete a locked item'
  // Hardware that does not boot would stay with the device until the deadline, and no installation on it has to finish.
  const isAnytime = forced || device.machine !== undefined
  return isInstalling(device) && !isAnytime ? 'Cannot delete a device while it is provisioning' : undefined
}

/** Routes for devices. */
export function deviceRoutes(cloud: Cloud, devices: Devices): Route[] {
  const forDevice = ({ parameters: [id] }: RoutedRequest, answer: (device: Device) => LabAnswer): LabAnswer =>
    withDevice(cloud, id, answer)

  const create = (request: RoutedRequest): LabAnswer =>
    withProject(cloud, request.parameters[0], ({ id }) =>
      withInput(request, (json) => {
        const checked = createDevices([json], id, cloud, devices)
        if ('errors' in checked) return unprocessable(...checked.errors)
        const [device] = checked.value
        return device === undefined ? notFound : created(deviceView(device, cloud))
      }),
    )

  /** Newest first; the order is inferred. */
  const list = ({ path, query }: RoutedRequest, projectId?: string): LabAnswer => {
    const matching = listDevices(cloud, projectId).filter((device) =>
      matchesQuery(device, query, cloud.settings.catalogue),
    )
    const { page, meta } = paginate(matching.toReversed(), path, query)
    return ok({ devices: page.map((device) => deviceView(device, cloud)), meta })
  }

  const update = (request: RoutedRequest): LabAnswer =>
    forDevice(request, (device) =>
      withInput(request, (json) => {
        const checked = checkUpdate(json, device)
        if ('errors' in checked) return unprocessable(...checked.errors)
        Object.assign(device, checked.value, { updatedAt: new Date().toISOString() })
        return ok(deviceView(device, cloud))
      }),
    )

  const remove = (request: RoutedRequest): LabAnswer =>
    forDevice(request, (device) =>
      withInput(request, (json) => {
        const why = refuseDelete(device, isForced(request.query, json))
        if (why !== undefined) return unprocessable(why)
        devices.remove(device)
        return noContent
      }),
    )

  /** A device that is changing its state accepts no action; the refusal with 422 is inferred. */
  const act = (request: RoutedRequest): LabAnswer =>
    forDevice(request, (device) =>
      withInput(request, (json) => {
        const checked = checkAction(json, device, cloud.settings.catalogue)
        if ('errors' in checked) return unprocessable(...checked.errors)
        const { type, change } = checked.value
        if (type === 'rescue' && !devices.installs) {
          return unprocessable(
            `rescue is not supported by machines ${device.machine === undefined ? 'in QEMU' : 'of a rack'}`,
          )
        }
        if (isComingUp(device) || device.state === 'deprovisioning') {
          return unprocessable(`Cannot ${type} a device while it is ${device.state}`)
        }
        if (type === 'reinstall') Object.assign(device, change)
        devices.act(device, type)
        return accepted
      }),
    )

  return [
    ['POST /projects/{id}/devices', create],
    [
      'GET /projects/{id}/devices',
      (request) => withProject(cloud, request.parameters[0], ({ id }) => list(request, id)),
    ],
    [
      'GET /organizations/{id}/devices',
      (request) => withOrganization(cloud, request.parameters[0], () => list(request)),
    ],
    ['GET /devices/{id}', (request) => forDevice(request, (device) => ok(deviceView(device, cloud)))],
    ['PUT|PATCH /devices/{id}', update],
    ['DELETE /devices/{id}', remove],
    ['POST /devices/{id}/actions', act],
  ]
}
