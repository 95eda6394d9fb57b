// What the lab knows: one user, one organization, one project, their keys and devices.
import { randomBytes, randomUUID } from 'node:crypto'

import type { Capacity } from './capacity.ts'
import type { Device } from './device.ts'
import type { KeyRecord } from './key-record.ts'

/** What a lab's cloud offers. */
export interface CloudSettings {
  /** Whether devices can be asked for by facility, as until 2023; else that is refused. */
  facilities: boolean
  /** What its machines may have. */
  capacity: Capacity
}

/** A device's batch: devices of one call. */
export interface Batch {
  readonly id: string
  readonly deviceIds: readonly string[]
  /** RFC 3339. */
  readonly createdAt: string
}

/** The state behind the API. Ids are UUIDs. */
export interface Cloud {
  /** The API token. */
  readonly token: string
  readonly userId: string
  readonly organizationId: string
  readonly projectId: string
  /** Host name of the SOS as devices show it. */
  readonly sosHost: string
  /** RFC 3339. */
  readonly createdAt: string
  readonly settings: CloudSettings
  /** By id, oldest first. */
  readonly devices: Map<string, Device>
  /** By id, oldest first. */
  readonly keys: Map<string, KeyRecord>
  /** By id, oldest first. */
  readonly batches: Map<string, Batch>
  /** Ids of failed devices that the cloud took back, with the time from which they are not even forbidden, in ms since 1970. */
  readonly vanished: Map<string, number>
}

/** An empty cloud with a random token and random ids. */
export function createCloud(sosHost: string, settings: CloudSettings): Cloud {
  return {
    token: randomBytes(24).toString('base64url'),
    userId: randomUUID(),
    organizationId: randomUUID(),
    projectId: randomUUID(),
    sosHost,
    createdAt: new Date().toISOString(),
    devices: new Map(),
    settings,
    keys: new Map(),
    batches: new Map(),
    vanished: new Map(),
  }
}

/** The authorized key lines of a device. */
export function keyLinesOf(cloud: Cloud, device: Device): string[] {
  return device.keyIds.flatMap((id) => cloud.keys.get(id)?.key ?? [])
}

/** The devices there are, oldest first, without failed ones that were taken back. */
export function listDevices(cloud: Cloud): Device[] {
  return [...cloud.devices.values()].filter(({ id }) => !cloud.vanished.has(id))
}
