// A device of the lab: plain data, so that it can be shown, kept and compared.
import { createHash, randomBytes, randomUUID } from 'node:crypto'

import type { deviceStates } from '../../metal/schema.ts'
import type { Metro, OperatingSystem, Plan } from './catalogue.ts'
import type { DeviceEvent } from './device-events.ts'

/** State of a device on the wire. */
export type DeviceState = (typeof deviceStates)[number]

/** Kinds of address that a device has by itself, in the order in which the API lists them. */
export const addressKinds = ['public_ipv4', 'public_ipv6', 'private_ipv4'] as const
export type AddressKind = (typeof addressKinds)[number]

/** What is asked for at creation, checked. */
export interface DeviceRequest {
  plan: Plan
  metro: Metro
  /** The facility of the metro where it stands. */
  facilityCode: string
  operatingSystem: OperatingSystem
  /** undefined is the default, `<short_id>.packethost.net`. */
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
  /** The most to pay an hour. */
  spotPriceMax: number | undefined
  addressKinds: AddressKind[]
  tags: string[]
  /** RFC 3339. */
  terminationTime: string | null
  keyIds: string[]
}

/** A device. Times are RFC 3339. */
export interface Device extends Omit<DeviceRequest, 'hostname'> {
  readonly id: string
  readonly shortId: string
  readonly projectId: string
  /** Opens what the lab tells its machine, to whom knows it; the id stands in command lines and logs. */
  readonly bootKey: string
  readonly createdAt: string
  /** MAC addresses of eth0 and eth1. */
  readonly macs: readonly [string, string]
  hostname: string
  updatedAt: string
  state: DeviceState
  /** 0 to 100. */
  percentage: number
  /** When it failed, RFC 3339; null where it has not. */
  failedAt: string | null
  /** Made anew with each installation. */
  rootPassword: string
  /** When it was first active after its installation, RFC 3339; null before that. */
  readyAt: string | null
  /** Whether it runs the rescue system, until it is next switched on otherwise. */
  inRescue: boolean
  /** Whether its addresses have been given out. */
  networked: boolean
  /** Whether the next boot goes over iPXE even without always_pxe. */
  pxeArmed: boolean
  /** Oldest first. */
  events: DeviceEvent[]
  /** Types of the provisioning events since the last (re)install. */
  provisioned: Record<string, DeviceEvent>
}

/** Whether its machine is being made ready for its first boot, or for its first one anew. */
export function isInstalling({ state }: Pick<Device, 'state'>): boolean {
  return state === 'provisioning' || state === 'reinstalling'
}

/** Whether it has yet to come up: installing, or waiting for that. */
export function isComingUp(device: Pick<Device, 'state'>): boolean {
  return device.state === 'queued' || isInstalling(device)
}

/** Two locally administered unicast MAC addresses that belong to the id. */
function macsOf(id: string): [string, string] {
  const bytes = createHash('sha1').update(id).digest().subarray(0, 4)
  const prefix = `02:${bytes.toString('hex').replaceAll(/(..)(?=.)/g, '$1:')}`
  return [`${prefix}:00`, `${prefix}:01`]
}

/** A new secret for the URLs of a device's machine. */
export function createBootKey(): string {
  return randomBytes(24).toString('base64url')
}

/** A new password of root, in characters that can be told apart. */
export function createRootPassword(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789'
  return [...randomBytes(12)].map((byte) => letters.charAt(byte % letters.length)).join('')
}

/** What each installation begins with. */
export function freshInstallation() {
  return {
    provisioned: {},
    percentage: 0,
    pxeArmed: true,
    readyAt: null,
    inRescue: false,
    rootPassword: createRootPassword(),
  }
}

/** A new device, queued. */
export function createDevice(projectId: string, request: DeviceRequest): Device {
  const id = randomUUID()
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
    macs: macsOf(id),
    hostname: request.hostname ?? `${shortId}.packethost.net`,
    state: 'queued',
    ...freshInstallation(),
    failedAt: null,
    networked: false,
    events: [],
  }
}
