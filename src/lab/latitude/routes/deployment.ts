// Reinstalls, which erase the disks, and the configuration of the next one.
import { z } from 'zod/mini'

import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { isComingUp } from '../../cloud/device-state.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import type { LabAnswer } from '../../web/answer.ts'
import { parseJson } from '../../web/request.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import {
  bare,
  beingProvisioned,
  inRescueMode,
  locked,
  single,
  type JsonResource,
  refuse,
  reinstallNotFound,
} from '../model/answers.ts'
import { systemSlug } from '../model/catalogue.ts'
import { type Checked, checkAttributes, refuseAll, withAttributes } from '../input/body.ts'
import { findSystem, refuseHostname, refuseKeys } from '../input/create.ts'
import { readScript, refuseScript, scriptFields } from '../input/script.ts'
import { withServer } from './named.ts'

const reinstallSchema = z.looseObject({
  operating_system: z.nullish(z.string()),
  hostname: z.nullish(z.string()),
  ssh_keys: z.nullish(z.array(z.string())),
  ...scriptFields,
})
type Deployment = Pick<Device, 'operatingSystem' | 'hostname' | 'keyIds' | 'ipxeScriptUrl' | 'userdata' | 'alwaysPxe'>

/** What a request changes of a server's deployment; what it does not name stays. */
function checkDeployment(attributes: unknown, device: Device, cloud: Cloud): Checked<Deployment> {
  const checked = checkAttributes(reinstallSchema, attributes)
  if ('reasons' in checked) return checked
  const input = checked.value
  const operatingSystem = input.operating_system ? findSystem(cloud, input.operating_system) : device.operatingSystem
  if (operatingSystem === undefined) {
    return { reasons: [{ detail: 'Operating system not found', field: 'operating_system' }] }
  }
  const isIpxe = systemSlug(operatingSystem) === 'ipxe'
  const hostname = input.hostname ?? device.hostname
  const project = cloud.projects.get(device.projectId)
  const reasons = [
    ...refuseHostname(hostname),
    // A request that names the operating system names its script too.
    ...(input.operating_system || input.ipxe ? refuseScript(input, isIpxe) : []),
    ...(project === undefined ? [] : refuseKeys(cloud, project, input.ssh_keys ?? [])),
  ]
  if (reasons.length > 0) return { reasons }
  const script = readScript(input.ipxe ?? '') ?? { ipxeScriptUrl: device.ipxeScriptUrl, userdata: device.userdata }
  const alwaysPxe = isIpxe && (input.persistent_netboot ?? (input.ipxe ? false : device.alwaysPxe))
  return { value: { operatingSystem, hostname, keyIds: input.ssh_keys ?? device.keyIds, ...script, alwaysPxe } }
}

/** The configuration of the next reinstall. */
function configView(device: Device, pending: Deployment | undefined): JsonResource {
  const { operatingSystem, hostname, keyIds, ipxeScriptUrl, userdata, alwaysPxe } = pending ?? device
  return {
    id: device.id,
    type: 'deploy_config',
    attributes: {
      operating_system: systemSlug(operatingSystem),
      hostname,
      ssh_keys: keyIds,
      ipxe_url: ipxeScriptUrl,
      ipxe: userdata === '' ? null : Buffer.from(userdata).toString('base64'),
      persistent_netboot: alwaysPxe,
      partitions: null,
    },
  }
}

/** Routes for reinstalls. A changed configuration is forgotten with the lab. */
export function deploymentRoutes(cloud: Cloud, devices: Devices): Route[] {
  const pending = new WeakMap<Device, Deployment>()

  const reinstall = (request: RoutedRequest): LabAnswer =>
    withServer(
      cloud,
      request,
      (device) =>
        withAttributes(request, { type: 'reinstalls' }, (attributes) => {
          if (device.locked) return locked
          if (device.inRescue) return inRescueMode
          if (isComingUp(device) || device.state === 'deprovisioning') return beingProvisioned
          const checked = checkDeployment(attributes, { ...device, ...pending.get(device) }, cloud)
          if ('reasons' in checked) return refuseAll(checked.reasons)
          pending.delete(device)
          Object.assign(device, checked.value, { plight: request.plight })
          devices.act(device, 'reinstall')
          return bare({}, 201)
        }),
      reinstallNotFound,
    )

  /** The specification has this body without the envelope of the others. */
  const configure = (request: RoutedRequest): LabAnswer =>
    withServer(cloud, request, (device) => {
      const json = parseJson(request.body)?.value
      if (typeof json !== 'object' || json === null) return refuse(400, 'The body is not a JSON object')
      if (!('type' in json) || json.type !== 'deploy_config') {
        return refuseAll([{ detail: 'type must be "deploy_config"' }])
      }
      if (device.locked) return locked
      const fields: object = 'attributes' in json && typeof json.attributes === 'object' ? (json.attributes ?? {}) : {}
      const attributes = { ...fields, ipxe: 'ipxe_url' in fields ? fields.ipxe_url : undefined }
      const checked = checkDeployment(attributes, { ...device, ...pending.get(device) }, cloud)
      if ('reasons' in checked) return refuseAll(checked.reasons)
      pending.set(device, checked.value)
      return single(configView(device, checked.value))
    })

  return [
    ['POST /servers/{id}/reinstall', reinstall],
    [
      'GET /servers/{id}/deploy_config',
      (request) => withServer(cloud, request, (device) => single(configView(device, pending.get(device)))),
    ],
    ['PATCH /servers/{id}/deploy_config', configure],
  ]
}
