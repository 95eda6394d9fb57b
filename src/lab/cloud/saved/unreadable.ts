// Why a well-formed saved state cannot be used: another version wrote it, or the cloud no longer has something that it names.
import { z } from 'zod/mini'

import { findMetro, findOperatingSystem, findPlan } from '../catalogue.ts'
import type { CloudSettings } from '../cloud.ts'
import { nounOf } from '../inventory.ts'
import { defaultFace, version } from './saved-cloud.ts'

const partsSchema = z.looseObject({
  version: z.number(),
  face: z._default(z.string(), defaultFace),
  devices: z.optional(
    z.array(
      z.looseObject({
        hostname: z.string(),
        plan: z.string(),
        metro: z.string(),
        operatingSystem: z.string(),
        machine: z.optional(z.string()),
        macs: z.optional(z.array(z.string())),
      }),
    ),
  ),
})
type SavedParts = NonNullable<z.infer<typeof partsSchema>['devices']>[number]

/** Why a saved state cannot be used, and what to do. */
export interface Unreadable {
  why: string
  hint: string
}

const otherVersion = (noun: string) => `use the metalkit that wrote it, or start this ${noun} with another --name`

/** Why a device cannot keep its machine. Without the device nobody would switch the machine off. */
function findLostMachine(
  { hostname, machine, macs = [] }: SavedParts,
  others: readonly SavedParts[],
  inventory: CloudSettings['inventory'],
): Unreadable | undefined {
  const device = `its device "${hostname}"`
  if (inventory === undefined) {
    if (machine === undefined) return undefined
    return {
      why: `${device} has the machine "${machine}" of a rack`,
      hint: 'start it with metalkit rack and the rack file, or start this lab with another --name',
    }
  }
  if (machine === undefined) {
    return { why: `${device} has a machine of a lab`, hint: 'start this rack with another --name' }
  }
  const own = inventory.machines.find(({ name }) => name === machine)
  if (own === undefined) {
    return {
      why: `${device} has the machine "${machine}", which is not in the rack file`,
      hint: `put "${machine}" back into the file until the device is deleted, or start this rack with another --name`,
    }
  }
  // A machine may have new network cards; if it has those of another machine, the names were swapped.
  const swapped = inventory.machines.find((other) => other !== own && other.macs.some((mac) => macs.includes(mac)))
  if (swapped !== undefined && !own.macs.some((mac) => macs.includes(mac))) {
    return {
      why: `${device} has the machine "${machine}", whose MAC address is now that of "${swapped.name}" in the rack file`,
      hint: `give "${machine}" its MAC address back until the device is deleted, or start this rack with another --name`,
    }
  }
  const rival = others.find((other) => other.machine === machine)
  if (rival === undefined) return undefined
  return {
    why: `${device} and "${rival.hostname}" both have the machine "${machine}"`,
    hint: 'move the file away to start without saved devices',
  }
}

function findLostPart(
  { hostname, plan, metro, operatingSystem }: SavedParts,
  { catalogue, inventory }: Pick<CloudSettings, 'catalogue' | 'inventory'>,
): Unreadable | undefined {
  const missing = [
    findPlan(catalogue, plan) === undefined ? `plan "${plan}"` : '',
    findMetro(catalogue, metro) === undefined ? `metro "${metro}"` : '',
    findOperatingSystem(catalogue, operatingSystem) === undefined ? `operating system "${operatingSystem}"` : '',
  ].find((part) => part !== '')
  if (missing === undefined) return undefined
  return inventory === undefined
    ? {
        why: `its machine "${hostname}" has the ${missing}, which this metalkit does not know`,
        hint: otherVersion('lab'),
      }
    : {
        why: `its device "${hostname}" has the ${missing}, which the rack does not have`,
        hint: `put the ${missing.replace(/ ".*/, '')} back into the rack file until the device is deleted, or start this rack with another --name`,
      }
}

/**
 * Says why a cloud cannot use a saved state: it is of a newer metalkit, or a device has a plan, a metro, an operating system or a machine
 * that the cloud does not have. Undefined if it can be used.
 */
export function findUnreadable(
  json: unknown,
  settings: Pick<CloudSettings, 'catalogue' | 'face' | 'inventory'>,
): Unreadable | undefined {
  const parts = partsSchema.safeParse(json)
  if (!parts.success) return undefined
  const { version: savedVersion, face, devices = [] } = parts.data
  if (savedVersion > version) {
    const why = `it has version ${savedVersion}, of a newer metalkit; this one reads version ${version}`
    return { why, hint: otherVersion(nounOf(settings)) }
  }
  if (face !== settings.face) {
    return {
      why: `it is of a lab with --cloud ${face}`,
      hint: `start it with --cloud ${face}, or start this lab with another --name`,
    }
  }
  for (const [index, device] of devices.entries()) {
    const lost = findLostMachine(device, devices.slice(0, index), settings.inventory) ?? findLostPart(device, settings)
    if (lost !== undefined) return lost
  }
  return undefined
}
