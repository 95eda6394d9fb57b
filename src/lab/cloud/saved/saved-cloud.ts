// A cloud as it is saved: plain JSON that names entries of the catalogue.
import { z } from 'zod/mini'

import { createProject } from '../account/project.ts'
import { apiKeySchema, savedProjectSchema, userSchema } from '../account/saved-account.ts'
import { createUser } from '../account/user.ts'
import { assignmentSchema, reservationSchema } from '../addresses/saved-addresses.ts'
import { findMetro, findOperatingSystem, findPlan } from '../catalogue.ts'
import type { Cloud, CloudSettings } from '../cloud.ts'
import { plights } from '../device-state.ts'
import { addressKinds, createBootKey, createRootPassword, type Device } from '../device.ts'
import { nounOf } from '../inventory.ts'
import { savedId } from '../../storage/saved-id.ts'
import { deviceStates } from '../../../metal/schema.ts'

/** Changes when an older metalkit can no longer read the file. */
export const version = 1

/** The face of labs that were saved without one. */
export const defaultFace = 'equinixmetal'

const eventSchema = z.object({
  id: z.uuid(),
  type: z.string(),
  body: z.string(),
  state: z.string(),
  createdAt: z.iso.datetime(),
})

const deviceSchema = z.object({
  id: savedId,
  shortId: z.string(),
  projectId: savedId,
  /** Devices saved by older versions have no boot key. */
  bootKey: z._default(z.string().check(z.minLength(32)), createBootKey),
  createdAt: z.iso.datetime(),
  macs: z.tuple([z.string()], z.string()),
  machine: z.optional(z.string()),
  address: z.optional(z.string()),
  plan: z.string(),
  metro: z.string(),
  facilityCode: z.string(),
  operatingSystem: z.string(),
  hostname: z.string(),
  description: z.nullable(z.string()),
  billingCycle: z.string(),
  ipxeScriptUrl: z.nullable(z.string()),
  userdata: z.string(),
  customdata: z.record(z.string(), z.unknown()),
  alwaysPxe: z.boolean(),
  locked: z.boolean(),
  networkFrozen: z.boolean(),
  spotInstance: z._default(z.boolean(), false),
  spotPriceMax: z.optional(z.number()),
  addressKinds: z._default(z.array(z.enum(addressKinds)), [...addressKinds]),
  tags: z.array(z.string()),
  terminationTime: z.nullable(z.iso.datetime()),
  keyIds: z.array(z.string()),
  updatedAt: z.iso.datetime(),
  state: z.enum(deviceStates),
  percentage: z.number(),
  failedAt: z.nullable(z.iso.datetime()),
  rootPassword: z._default(z.string(), createRootPassword),
  readyAt: z._default(z.nullable(z.iso.datetime()), null),
  inRescue: z._default(z.boolean(), false),
  rebooting: z._default(z.boolean(), false),
  plight: z.optional(z.enum(plights)),
  extra: z.optional(z.record(z.string(), z.unknown())),
  networked: z.boolean(),
  pxeArmed: z.boolean(),
  events: z.array(eventSchema),
  provisioned: z.record(z.string(), eventSchema),
})
type SavedDevice = z.infer<typeof deviceSchema>

const keySchema = z.object({
  id: savedId,
  owner: z.enum(['user', 'project']),
  projectId: z.optional(savedId),
  label: z.string(),
  key: z.string(),
  fingerprint: z.string(),
  tags: z.array(z.string()),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})

/** The file. */
export const savedCloudSchema = z.object({
  version: z.literal(version),
  /** Older labs had only this face. */
  face: z._default(z.string(), defaultFace),
  /** Saved so that clients' settings stay valid across a restart; only the file's owner can read it. */
  token: z.string().check(z.minLength(32)),
  userId: savedId,
  organizationId: savedId,
  projectId: savedId,
  createdAt: z.iso.datetime(),
  devices: z.array(deviceSchema),
  keys: z.array(keySchema),
  batches: z.array(
    z.object({
      id: savedId,
      projectId: z.optional(savedId),
      deviceIds: z.array(savedId),
      createdAt: z.iso.datetime(),
    }),
  ),
  /** Older labs had one project, and a user that could not be changed. */
  projects: z._default(z.array(savedProjectSchema), []),
  user: z.optional(userSchema),
  apiKeys: z._default(z.array(apiKeySchema), []),
  reservations: z._default(z.array(reservationSchema), []),
  assignments: z._default(z.array(assignmentSchema), []),
  vanished: z.array(z.tuple([z.string(), z.number()])),
})
export type SavedCloud = z.infer<typeof savedCloudSchema>

/** Turns a cloud into the data of its file. */
export function saveCloud(cloud: Cloud): object {
  const devices = [...cloud.devices.values()].map((device) => ({
    ...device,
    plan: device.plan.slug,
    metro: device.metro.code,
    operatingSystem: device.operatingSystem.slug,
  }))
  const keys = [...cloud.keys.values()].map((key) => ({
    ...key,
    owner: key.projectId === undefined ? 'user' : 'project',
  }))
  const batches = [...cloud.batches.values()]
  const projects = [...cloud.projects.values()]
  const apiKeys = [...cloud.apiKeys.values()]
  const reservations = [...cloud.reservations.values()]
  const assignments = [...cloud.assignments.values()]
  const { token, userId, organizationId, projectId, createdAt, user } = cloud
  const vanished = [...cloud.vanished]
  return {
    version,
    face: cloud.settings.face,
    token,
    userId,
    organizationId,
    projectId,
    createdAt,
    devices,
    keys,
    batches,
    vanished,
    reservations,
    assignments,
    projects,
    apiKeys,
    user,
  }
}

/** Restores a device. @throws Error if its parts do not exist, which findUnreadable has ruled out */
function loadDevice(saved: SavedDevice, { catalogue, inventory }: CloudSettings): Device {
  const plan = findPlan(catalogue, saved.plan)
  const metro = findMetro(catalogue, saved.metro)
  const operatingSystem = findOperatingSystem(catalogue, saved.operatingSystem)
  if (plan === undefined || metro === undefined || operatingSystem === undefined) {
    throw new Error(`a device with unknown parts: ${saved.id}`)
  }
  // The machine may have new network cards.
  const machine = inventory?.machines.find(({ name }) => name === saved.machine)
  const macs = machine?.macs ?? saved.macs
  return { ...saved, spotPriceMax: saved.spotPriceMax, macs, plan, metro, operatingSystem }
}

/** Loads a saved cloud. Its map of devices is empty: the caller restores the devices one by one. */
export function loadCloud(
  saved: SavedCloud,
  sosHost: string,
  settings: CloudSettings,
): { cloud: Cloud; devices: Device[] } {
  const { token, userId, organizationId, projectId, createdAt } = saved
  const projects = [createProject({ id: projectId, name: nounOf(settings), createdAt }), ...saved.projects]
  const cloud: Cloud = {
    token,
    userId,
    organizationId,
    projectId,
    createdAt,
    sosHost,
    settings,
    devices: new Map(),
    user: saved.user ?? createUser(createdAt),
    // The last entry with an id wins: the default project as it was saved.
    projects: new Map(projects.map((project) => [project.id, project])),
    reservations: new Map(
      saved.reservations.map((entry) => [entry.id, { ...entry, metro: entry.metro, facility: entry.facility }]),
    ),
    assignments: new Map(saved.assignments.map((assignment) => [assignment.id, assignment])),
    apiKeys: new Map(saved.apiKeys.map((key) => [key.id, { ...key, projectId: key.projectId }])),
    keys: new Map(
      saved.keys.map(({ owner, ...key }) => [
        key.id,
        { ...key, projectId: owner === 'user' ? undefined : (key.projectId ?? projectId) },
      ]),
    ),
    batches: new Map(saved.batches.map((batch) => [batch.id, { ...batch, projectId: batch.projectId ?? projectId }])),
    vanished: new Map(saved.vanished),
  }
  return { cloud, devices: saved.devices.map((device) => loadDevice(device, settings)) }
}
