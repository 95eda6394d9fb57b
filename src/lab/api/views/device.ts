// Devices and their events on the wire (Device.yaml, Event.yaml). Relations are as the API returns them
// without `include`: plan, operating system, facility and metro in full, the others as `{href}`.
import type { Cloud } from '../../cloud/cloud.ts'
import { type DeviceEvent, provisioningEvents } from '../../cloud/device-events.ts'
import type { Device } from '../../cloud/device.ts'
import { isComingUp } from '../../cloud/device-state.ts'
import { machineId } from '../../cloud/inventory.ts'
import { iqnOf, switchIdOf } from './metadata.ts'
import { facilityView, hrefOf, metroView, operatingSystemView, planView } from './catalogue.ts'
import { addressViews, portViews } from './network.ts'
import { wireTime } from './time.ts'

/** An event of a device. */
export function eventView(event: DeviceEvent, device: Device) {
  return {
    ...hrefOf(`/events/${event.id}`),
    id: event.id,
    type: event.type,
    body: event.body,
    interpolated: event.body,
    state: event.state,
    relationships: [hrefOf(`/devices/${device.id}`)],
    created_at: wireTime(event.createdAt),
  }
}

function provisioningEventViews(device: Device) {
  return provisioningEvents.map(([type, body]) => {
    const event = device.provisioned[type]
    if (event !== undefined) return eventView(event, device)
    // Listed before they happen, with empty fields.
    return { id: null, type, body, interpolated: body, state: null, relationships: [], created_at: null }
  })
}

/** How long the API shows the root password. */
const passwordMs = 24 * 3_600_000

function hasFreshPassword({ readyAt }: Device): boolean {
  return readyAt !== null && Date.now() - Date.parse(readyAt) < passwordMs
}

/** The machine of a rack that a deleted device still holds, and the latest failure to switch it off. */
function releaseView({ state, machine, events, updatedAt }: Device) {
  if (state !== 'deprovisioning' || machine === undefined) return {}
  const last = events.findLast(({ type, createdAt }) => type === 'instance.waiting' && createdAt >= updatedAt)
  return { rack_release: { machine, trouble: last?.body ?? null } }
}

const actions = ['power_off', 'power_on', 'reboot', 'rescue', 'reinstall'] as const

/** A device. The provisioning percentage is shown only until the device is provisioned. */
export function deviceView(device: Device, cloud: Cloud) {
  const { catalogue } = cloud.settings
  return {
    ...hrefOf(`/devices/${device.id}`),
    id: device.id,
    short_id: device.shortId,
    hostname: device.hostname,
    description: device.description,
    state: device.state,
    tags: device.tags,
    image_url: null,
    billing_cycle: device.billingCycle,
    user: 'root',
    iqn: iqnOf(device),
    locked: device.locked,
    network_frozen: device.networkFrozen,
    bonding_mode: 4,
    created_at: wireTime(device.createdAt),
    updated_at: wireTime(device.updatedAt),
    created_by: { ...hrefOf(`/users/${cloud.userId}`), id: cloud.userId, short_id: cloud.userId.slice(0, 8) },
    ipxe_script_url: device.ipxeScriptUrl,
    always_pxe: device.alwaysPxe,
    // As recorded: with any other value than null, Terraform would recreate the device.
    storage: null,
    customdata: device.customdata,
    operating_system: operatingSystemView(device.operatingSystem, catalogue),
    facility: facilityView(device.facilityCode, device.metro),
    metro: metroView(device.metro),
    project: hrefOf(`/projects/${device.projectId}`),
    project_lite: hrefOf(`/projects/${device.projectId}`),
    ssh_keys: device.keyIds.filter((id) => cloud.keys.has(id)).map((id) => hrefOf(`/ssh-keys/${id}`)),
    volumes: [],
    ip_addresses: addressViews(device, cloud),
    network_ports: portViews(device),
    plan: planView(device.plan, catalogue),
    userdata: device.userdata,
    switch_uuid: switchIdOf(device),
    provisioning_events: provisioningEventViews(device),
    ...(isComingUp(device) ? { provisioning_percentage: device.percentage } : {}),
    ...(hasFreshPassword(device) ? { root_password: device.rootPassword } : {}),
    ...(device.machine === undefined
      ? {}
      : { hardware_reservation: hrefOf(`/hardware-reservations/${machineId(device.machine)}`) }),
    ...releaseView(device),
    spot_instance: device.spotInstance,
    ...(device.spotPriceMax === undefined ? {} : { spot_price_max: device.spotPriceMax }),
    ...(device.terminationTime === null ? {} : { termination_time: wireTime(device.terminationTime) }),
    actions: actions.map((type) => ({ type, name: type.replace('_', ' ') })),
    sos: cloud.sosHost,
  }
}
