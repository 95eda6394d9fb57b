// Ports and addresses of a device on the wire (Port.yaml, IPAssignment.yaml, IPReservation.yaml).
import { isIPv6 } from 'node:net'

import type { Cloud } from '../../cloud/cloud.ts'
import type { AddressKind, Device } from '../../cloud/device.ts'
import { nameUuid } from '../../storage/name-uuid.ts'
import { assignmentViews } from './address.ts'
import { facilityView, hrefOf, metroView } from './catalogue.ts'
import { wireTime } from './time.ts'

/** The bond and its two ports. */
export function portViews(device: Device) {
  const bond = { id: nameUuid(`${device.id} bond0`), name: 'bond0' }
  const ethernet = device.macs.map((mac, index) => {
    const id = nameUuid(`${device.id} eth${index}`)
    return {
      ...hrefOf(`/ports/${id}`),
      id,
      type: 'NetworkPort',
      name: `eth${index}`,
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

/** An address block of a device. */
export interface AddressBlock {
  kind: AddressKind
  address: string
  gateway: string
  netmask: string
  family: 4 | 6
  cidr: number
  public: boolean
}

/** Whether an address is of a private network, or of one link. */
function isPrivate(address: string): boolean {
  return /^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd]|fe[89ab]|::1$)/i.test(address)
}

/** The address of a machine of the inventory. Its network and gateway come from the DHCP server and are not known. */
function ownBlock(address: string): AddressBlock {
  const isPublic = !isPrivate(address)
  if (isIPv6(address)) {
    const netmask = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
    return { kind: 'public_ipv6', address, gateway: address, netmask, family: 6, cidr: 128, public: isPublic }
  }
  const kind = isPublic ? 'public_ipv4' : 'private_ipv4'
  return { kind, address, gateway: address, netmask: '255.255.255.255', family: 4, cidr: 32, public: isPublic }
}

/**
 * Addresses from the ranges for documentation, since a lab's machines are only reached by their console. None before the event 102. A
 * machine of an inventory has the address from which it fetched its boot script.
 */
export function addressBlocks(device: Device): AddressBlock[] {
  if (device.machine !== undefined) return device.address === undefined ? [] : [ownBlock(device.address)]
  if (!device.networked) return []
  const host = (Number.parseInt(device.shortId.slice(0, 2), 16) % 127) * 2
  const small = { netmask: '255.255.255.254', family: 4, cidr: 31 } as const
  const large = { netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe', family: 6, cidr: 127 } as const
  const hex = host.toString(16)
  const all: AddressBlock[] = [
    { kind: 'public_ipv4', address: `203.0.113.${host + 1}`, gateway: `203.0.113.${host}`, ...small, public: true },
    { kind: 'public_ipv6', address: `2001:db8::${hex}1`, gateway: `2001:db8::${hex}0`, ...large, public: true },
    { kind: 'private_ipv4', address: `10.66.0.${host + 1}`, gateway: `10.66.0.${host}`, ...small, public: false },
  ]
  return all.filter(({ kind }) => device.addressKinds.includes(kind))
}

function assignmentId(device: Device, block: AddressBlock): string {
  return nameUuid(`${device.id} ${block.address}`)
}

function reservationId(device: Device, block: AddressBlock): string {
  return nameUuid(`block ${assignmentId(device, block)}`)
}

/** The fields that assignments and reservations share. */
function blockFields(device: Device, block: AddressBlock) {
  return {
    address_family: block.family,
    netmask: block.netmask,
    cidr: block.cidr,
    network: block.gateway,
    gateway: block.gateway,
    public: block.public,
    management: true,
    manageable: true,
    enabled: true,
    global_ip: false,
    metro: metroView(device.metro),
    created_at: wireTime(device.createdAt),
  }
}

/** The addresses of a device: its own, and those assigned from its project's reservations. */
export function addressViews(device: Device, cloud: Cloud) {
  return [...ownAddressViews(device), ...assignmentViews(device.id, cloud)]
}

function ownAddressViews(device: Device) {
  return addressBlocks(device).map((block) => {
    const id = assignmentId(device, block)
    const { network, netmask, cidr, ...fields } = blockFields(device, block)
    return {
      ...hrefOf(`/ips/${id}`),
      id,
      address: block.address,
      network,
      netmask,
      cidr,
      ...fields,
      type: 'IPAssignment',
      assigned_to: hrefOf(`/devices/${device.id}`),
      parent_block: { network, netmask, cidr, ...hrefOf(`/ips/${reservationId(device, block)}`) },
    }
  })
}

/** The blocks that the project holds for a device's own addresses. */
export function blockViews(device: Device, cloud: Cloud) {
  return addressBlocks(device).map((block) => {
    const id = reservationId(device, block)
    return {
      ...hrefOf(`/ips/${id}`),
      id,
      address: block.gateway,
      ...blockFields(device, block),
      type: block.kind,
      addon: false,
      bill: false,
      details: null,
      tags: [],
      state: 'created',
      customdata: {},
      facility: facilityView(device.facilityCode, device.metro),
      project: hrefOf(`/projects/${device.projectId}`),
      project_lite: hrefOf(`/projects/${device.projectId}`),
      requested_by: hrefOf(`/users/${cloud.userId}`),
      assignments: [hrefOf(`/ips/${assignmentId(device, block)}`)],
    }
  })
}
