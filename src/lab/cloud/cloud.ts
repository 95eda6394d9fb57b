// The state of the lab: one user, one organization, with their projects, keys and devices.
import { randomUUID } from 'node:crypto'

import { type ApiKey, createToken } from './account/api-key.ts'
import { createProject, type Project } from './account/project.ts'
import type { Assignment, Reservation } from './addresses/reservation.ts'
import { createUser, type User } from './account/user.ts'
import type { Capacity } from './capacity.ts'
import type { Catalogue } from './catalogue.ts'
import type { Device } from './device.ts'
import { type KeyRecord, lineOf } from './account/key-record.ts'
import { type Inventory, nounOf } from './inventory.ts'

/** What an id is for. */
export type IdKind = 'device' | 'project' | 'key'

/** Settings of a lab's cloud. */
export interface CloudSettings {
  /** The face of its API, as `--cloud` names it; a saved cloud has only one. */
  face: string
  /** Creates the id of a new object. Ids are letters, digits, `_`, `-` and dots, so that files can be named after them. */
  createId: (kind: IdKind) => string
  /** Whether a create request may name a facility, as until 2023; if not, the request is refused. */
  facilities: boolean
  catalogue: Catalogue
  /** The memory and processors that its machines may use, if it makes them. */
  capacity: Capacity
  /** The machines of a cloud of hardware; without it the cloud makes machines. */
  inventory?: Inventory | undefined
}

/** A batch: the devices that one call created. */
export interface Batch {
  readonly id: string
  readonly projectId: string
  readonly deviceIds: readonly string[]
  /** RFC 3339. */
  readonly createdAt: string
}

/** The state behind the API. Ids are UUIDs, or as `settings.createId` makes them. */
export interface Cloud {
  /** The API token. */
  readonly token: string
  readonly userId: string
  readonly organizationId: string
  /** The project that `lab env` names. */
  readonly projectId: string
  readonly user: User
  /** By id, oldest first. */
  readonly projects: Map<string, Project>
  /** By id, oldest first. */
  readonly apiKeys: Map<string, ApiKey>
  /** Blocks of addresses that projects hold, by id, oldest first. */
  readonly reservations: Map<string, Reservation>
  /** Assignments of these addresses to devices, by id, oldest first. */
  readonly assignments: Map<string, Assignment>
  /** Host name of the SOS, as devices show it. */
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
  /** Ids of failed devices that the cloud took back. Each answers 403 until this time, in ms since 1970, and 404 after it. */
  readonly vanished: Map<string, number>
}

/** An empty cloud with a random token and random ids. */
export function createCloud(sosHost: string, settings: CloudSettings): Cloud {
  const project = createProject({ id: settings.createId('project'), name: nounOf(settings) })
  return {
    token: createToken(),
    userId: randomUUID(),
    organizationId: randomUUID(),
    projectId: project.id,
    user: createUser(project.createdAt),
    projects: new Map([[project.id, project]]),
    apiKeys: new Map(),
    reservations: new Map(),
    assignments: new Map(),
    sosHost,
    createdAt: project.createdAt,
    devices: new Map(),
    settings,
    keys: new Map(),
    batches: new Map(),
    vanished: new Map(),
  }
}

/** A device's authorized_keys lines. */
export function keyLinesOf(cloud: Cloud, device: Device): string[] {
  return device.keyIds.flatMap((id) => {
    const key = cloud.keys.get(id)
    return key === undefined ? [] : lineOf(key)
  })
}

/** Devices of one project or of all, oldest first, without failed devices that were taken back. */
export function listDevices(cloud: Cloud, projectId?: string): Device[] {
  return [...cloud.devices.values()].filter(
    (device) => !cloud.vanished.has(device.id) && (projectId === undefined || device.projectId === projectId),
  )
}

/** Removes a project without devices, and everything that belongs to it. */
export function removeProject(cloud: Cloud, projectId: string): void {
  for (const map of [cloud.keys, cloud.apiKeys, cloud.batches, cloud.reservations]) {
    for (const [id, record] of map) if (record.projectId === projectId) map.delete(id)
  }
  cloud.projects.delete(projectId)
}

/** Frees the addresses that a device was assigned. */
export function freeAddresses(cloud: Cloud, deviceId: string): void {
  for (const [id, assignment] of cloud.assignments) {
    if (assignment.deviceId === deviceId) cloud.assignments.delete(id)
  }
}

/** Forgets a device that is gone. */
export function removeDevice(cloud: Cloud, deviceId: string): void {
  freeAddresses(cloud, deviceId)
  cloud.devices.delete(deviceId)
}
