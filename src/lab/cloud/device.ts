// A device of the lab: plain data, so that it can be shown, saved and compared.
import { createHash, randomBytes, randomUUID } from 'node:crypto'

import type { Metro, OperatingSystem, Plan } from './catalogue.ts'
import type { DeviceEvent } from './device-events.ts'
import type { Plight, Standing } from './device-state.ts'
import type { StockedMachine } from './inventory.ts'

/** The kinds of address that every device has, in the API's order. */
export const addressKinds = ['public_ipv4', 'public_ipv6', 'private_ipv4'] as const
export type AddressKind = (typeof addressKinds)[number]

/** A validated request to create a device. */
export interface DeviceRequest {
  plan: Plan
  metro: Metro
  /** The facility of the metro in which the device is. */
  facilityCode: string
  operatingSystem: OperatingSystem
  /** If undefined, `<short_id>.packethost.net`. */
  hostname: string | undefined
  description: string | null
  billingCycle: string
  ipxeScriptUrl: string | null
  userdata: string
  customdata: Record<string, unknown>
  alwaysPxe: boolean
  locked: boolean
  networkFrozen: boolean
  spotInstance: boolean
  /** The highest price per hour. */
  spotPriceMax: number | undefined
  addressKinds: AddressKind[]
  tags: string[]
  /** RFC 3339. */
  terminationTime: string | null
  keyIds: string[]
}

/** A device. Times are RFC 3339. */
export interface Device extends Omit<DeviceRequest, 'hostname'>, Standing {
  readonly id: string
  readonly shortId: string
  readonly projectId: string
  /** The secret in the URLs that the machine reads from the lab. The id would not do: it appears in command lines and logs. */
  readonly bootKey: string
  readonly createdAt: string
  /** MAC addresses of eth0, eth1 and so on. */
  readonly macs: readonly [string, ...string[]]
  /** The machine of the inventory that it has; undefined in a lab. */
  readonly machine?: string | undefined
  /** The address of a machine of the inventory, known once it has fetched its boot script. */
  address?: string | undefined
  hostname: string
  /** 0 to 100. */
  percentage: number
  /** Changes with each installation. */
  rootPassword: string
  /** When it first became active after its installation, RFC 3339; null before. */
  readyAt: string | null
  /** Whether it is on its way through off to on again. */
  rebooting: boolean
  /** Whether it runs the rescue system, until it is next switched on in another way. */
  inRescue: boolean
  /** What becomes of it if it does not come up; only faults set it. */
  plight?: Plight | undefined
  /** What its face keeps with it in addition; JSON. */
  extra?: Record<string, unknown> | undefined
  /** Whether its addresses have been assigned. */
  networked: boolean
  /** Whether the next boot uses iPXE even without always_pxe. */
  pxeArmed: boolean
  /** Oldest first. */
  events: DeviceEvent[]
  /** Types of the provisioning events since the last (re)install. */
  provisioned: Record<string, DeviceEvent>
}

/** How many events of a device are kept; a machine can send any number of them. */
const maxEvents = 1000

/** Adds an event to a device. */
export function addEvent(device: Device, event: DeviceEvent): void {
  device.events.push(event)
  if (device.events.length > maxEvents) device.events.shift()
  if (event.type.startsWith('provisioning.')) device.provisioned[event.type] = event
}

/** Derives two locally administered unicast MAC addresses from an id. */
function macsOf(id: string): [string, string] {
  const bytes = createHash('sha1').update(id).digest().subarray(0, 4)
  const prefix = `02:${bytes.toString('hex').replaceAll(/(..)(?=.)/g, '$1:')}`
  return [`${prefix}:00`, `${prefix}:01`]
}

/** Creates a secret for the URLs of a device's machine. */
export function createBootKey(): string {
  return randomBytes(24).toString('base64url')
}

/** Creates a root password from characters that are easy to tell apart. */
export function createRootPassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789'
  return [...randomBytes(12)].map((byte) => letters.charAt(byte % letters.length)).join('')
}

/** The fields that each installation resets. */
export function freshInstallation() {
  return {
    provisioned: {},
    percentage: 0,
    pxeArmed: true,
    readyAt: null,
    inRescue: false,
    rebooting: false,
    rootPassword: createRootPassword(),
  }
}

/** Creates a queued device; on a cloud of hardware it gets a machine of the inventory. */
export function createDevice(
  projectId: string,
  request: DeviceRequest,
  machine?: StockedMachine,
  id: string = randomUUID(),
): Device {
  const shortId = id.slice(0, 8)
  const now = new Date().toISOString()
  return {
    ...request,
    id,
    shortId,
    projectId,
    bootKey: createBootKey(),
    createdAt: now,
    updatedAt: now,
    macs: machine?.macs ?? macsOf(id),
    machine: machine?.name,
    hostname: request.hostname ?? `${shortId}.packethost.net`,
    state: 'queued',
    ...freshInstallation(),
    failedAt: null,
    networked: false,
    events: [],
  }
}
