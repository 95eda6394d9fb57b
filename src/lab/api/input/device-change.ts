// Updates of devices and actions on them (DeviceUpdateInput.yaml, DeviceActionInput.yaml).
import { z } from 'zod/mini'

import { type Catalogue, findOperatingSystem } from '../../cloud/catalogue.ts'
import type { Device } from '../../cloud/device.ts'
import { changeableFields, type Checked, checkHostname, checkScript, checkShape, choose } from './check.ts'

const updateSchema = z.looseObject(changeableFields)

/** The fields of a device that an update can change. */
export type DeviceChange = Partial<
  Pick<
    Device,
    | 'hostname'
    | 'description'
    | 'billingCycle'
    | 'customdata'
    | 'ipxeScriptUrl'
    | 'userdata'
    | 'alwaysPxe'
    | 'locked'
    | 'networkFrozen'
    | 'spotInstance'
    | 'tags'
  >
>

/** Checks the body of an update. Absent fields keep their value. */
export function checkUpdate(body: unknown, device: Device): Checked<DeviceChange> {
  const shape = checkShape(updateSchema, body)
  if ('errors' in shape) return shape
  const input = shape.value
  const url = input.ipxe_script_url === undefined ? device.ipxeScriptUrl : input.ipxe_script_url
  const userdata = input.userdata ?? device.userdata
  const scriptChanges = input.ipxe_script_url !== undefined || input.userdata !== undefined
  const errors = [
    ...(scriptChanges ? checkScript(device.operatingSystem, url, userdata) : []),
    ...checkHostname(input.hostname),
  ]
  if (errors.length > 0) return { errors }
  return {
    value: {
      hostname: input.hostname || device.hostname,
      description: input.description === undefined ? device.description : input.description,
      billingCycle: input.billing_cycle ?? device.billingCycle,
      customdata: input.customdata ?? device.customdata,
      ipxeScriptUrl: url,
      userdata,
      alwaysPxe: input.always_pxe ?? device.alwaysPxe,
      locked: input.locked ?? device.locked,
      networkFrozen: input.network_frozen ?? device.networkFrozen,
      spotInstance: input.spot_instance ?? device.spotInstance,
      tags: input.tags ?? device.tags,
    },
  }
}

const actionSchema = z.looseObject({
  type: z.enum(['power_on', 'power_off', 'reboot', 'rescue', 'reinstall']),
  operating_system: z.nullish(z.string()),
  ipxe_script_url: z.nullish(z.string()),
})

/** The content of an action request. `change` holds the system and the script to reinstall. */
export interface ActionRequest {
  type: z.infer<typeof actionSchema>['type']
  change: Pick<Device, 'operatingSystem' | 'ipxeScriptUrl'>
}

/** Checks the body of an action. */
export function checkAction(body: unknown, device: Device, catalogue: Catalogue): Checked<ActionRequest> {
  const shape = checkShape(actionSchema, body)
  if ('errors' in shape) return shape
  const { type, operating_system: slug, ipxe_script_url: newUrl } = shape.value
  const system = choose('operating system', slug ?? device.operatingSystem.slug, (name) =>
    findOperatingSystem(catalogue, name),
  )
  if ('errors' in system) return system
  const url = newUrl === undefined ? device.ipxeScriptUrl : newUrl
  const errors = type === 'reinstall' ? checkScript(system.value, url, device.userdata) : []
  return errors.length > 0
    ? { errors }
    : { value: { type, change: { operatingSystem: system.value, ipxeScriptUrl: url } } }
}
