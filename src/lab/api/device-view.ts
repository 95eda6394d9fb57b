// Devices and their events on the wire (Device.yaml, Event.yaml, Port.yaml, IPAssignment.yaml). Relations are what the API gives
// without `include`: plan, operating system, facility and metro whole, the rest as `{href}`.
import { facilityCodes, plans } from '../catalogue.ts'
import type { Cloud } from '../cloud.ts'
import { provisioningEvents } from '../device-events.ts'
import type { DeviceEvent } from '../device-events.ts'
import type { Device } from '../device.ts'
import { nameUuid } from '../name-uuid.ts'
import { facilityView, hrefOf, metroView, operatingSystemView, planView } from './catalogue-view.ts'

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
    created_at: event.createdAt,
  }
}

function provisioningEventViews(device: Device) {
  return provisioningEvents.map(([type, body]) => {
    const event = device.provisioned[type]
    if (event !== undefined) return eventView(event, device)
    // Listed before they happen, with nothing in them yet.
    return { id: null, type, body, interpolated: body, state: 'pending', relationships: [], created_at: null }
  })
}

function portViews(device: Device) {
  const bond = { id: nameUuid(`${device.id} bond0`), name: 'bond0' }
  const ethernet = device.macs.map((mac, index) => {
    const id = nameUuid(`${device.id} eth${String(index)}`)
    return {
      ...hrefOf(`/ports/${id}`),
      id,
      type: 'NetworkPort',
      name: `eth${String(index)}`,
      data: { mac, bonded: true },
      bond,
      disbond_operation_supported: true,
      virtual_networks: [],
    }
  })
  return [
    {
      ...hrefOf(`/ports/${bond.id}`),
      id: bond.id,
      type: 'NetworkBondPort',
      name: 'bond0',
      data: { bonded: true },
      network_type: 'layer3',
      disbond_operation_supported: true,
      virtual_networks: [],
    },
    ...ethernet,
  ]
}

/** Addresses from the ranges kept for documentation: machines here are reached by their console alone. */
function addressViews(device: Device) {
  if (!device.networked) return []
  const number = Number.parseInt(device.shortId.slice(0, 2), 16)
  const host = (number % 127) * 2
  const blocks = [
    {
      address: `203.0.113.${String(host + 1)}`,
      gateway: `203.0.113.${String(host)}`,
      family: 4,
      cidr: 31,
      public: true,
    },
    {
      address: `2001:db8::${host.toString(16)}1`,
      gateway: `2001:db8::${host.toString(16)}0`,
      family: 6,
      cidr: 127,
      public: true,
    },
    { address: `10.66.0.${String(host + 1)}`, gateway: `10.66.0.${String(host)}`, family: 4, cidr: 31, public: false },
  ]
  return blocks.map((block) => {
    const id = nameUuid(`${device.id} ${block.address}`)
    const netmask = block.family === 4 ? '255.255.255.254' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe'
    return {
      ...hrefOf(`/ips/${id}`),
      id,
      address: block.address,
      address_family: block.family,
      netmask,
      cidr: block.cidr,
      network: block.gateway,
      gateway: block.gateway,
      public: block.public,
      management: true,
      manageable: true,
      enabled: true,
      global_ip: false,
      type: 'IPAssignment',
      metro: metroView(device.metro),
      assigned_to: hrefOf(`/devices/${device.id}`),
      parent_block: { network: block.gateway, netmask, cidr: block.cidr, ...hrefOf(`/ips/${nameUuid(`block ${id}`)}`) },
      created_at: device.createdAt,
    }
  })
}

const actions = ['power_off', 'power_on', 'reboot', 'reinstall'] as const

/** A device. The percentage is shown only until it is provisioned. */
export function deviceView(device: Device, cloud: Cloud) {
  const provisioning = ['queued', 'provisioning', 'reinstalling'].includes(device.state)
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
    iqn: `iqn.${device.createdAt.slice(0, 7)}.net.packet:device.${device.shortId}`,
    locked: device.locked,
    network_frozen: device.networkFrozen,
    bonding_mode: 4,
    created_at: device.createdAt,
    updated_at: device.updatedAt,
    created_by: { ...hrefOf(`/users/${cloud.userId}`), id: cloud.userId, short_id: cloud.userId.slice(0, 8) },
    ipxe_script_url: device.ipxeScriptUrl,
    always_pxe: device.alwaysPxe,
    storage: {},
    customdata: device.customdata,
    operating_system: operatingSystemView(device.operatingSystem, plans),
    facility: facilityView(facilityCodes(device.metro)[0], device.metro),
    metro: metroView(device.metro),
    project: hrefOf(`/projects/${device.projectId}`),
    project_lite: hrefOf(`/projects/${device.projectId}`),
    ssh_keys: device.keyIds.filter((id) => cloud.keys.has(id)).map((id) => hrefOf(`/ssh-keys/${id}`)),
    volumes: [],
    ip_addresses: addressViews(device),
    network_ports: portViews(device),
    plan: planView(device.plan),
    userdata: device.userdata,
    switch_uuid: nameUuid(`switch ${device.metro.code}`).slice(0, 8),
    provisioning_events: provisioningEventViews(device),
    ...(provisioning ? { provisioning_percentage: device.percentage } : {}),
    spot_instance: false,
    spot_price_max: null,
    termination_time: device.terminationTime,
    actions: actions.map((type) => ({ type, name: type.replace('_', ' ') })),
    sos: cloud.sosHost,
  }
}
