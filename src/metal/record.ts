// A device of the Metal API as a machine of a cloud.
import type { MachineRecord, Phase, Release } from '../machine/cloud.ts'
import type { Device } from './schema.ts'
import { findSosHost } from './sos-host.ts'

/** The tag of every machine that metalkit creates. */
export const machineTag = 'metalkit'

/** The prefix of the tag of a run; each run has its own tag. */
export const runTagPrefix = 'metalkit-run-'

/** What the extra tag of a repeated create begins with; the first create has none. */
const attemptTagPrefix = 'metalkit-create-'

/** The tags that tell the machines of a run's later creates from those of its first. */
export function attemptTags(attempt: number): string[] {
  return attempt === 1 ? [] : [`${attemptTagPrefix}${attempt}`]
}

/** A machine, with what only this cloud needs. */
export interface MetalRecord extends MachineRecord {
  tags: readonly string[]
  /** The host of its serial console; undefined if the API names none yet. */
  sosHost: string | undefined
}

const phases: Readonly<Record<string, Phase>> = {
  queued: 'coming',
  provisioning: 'coming',
  reinstalling: 'coming',
  active: 'on',
  inactive: 'off',
  powering_on: 'switching',
  powering_off: 'stopping',
  deprovisioning: 'going',
  deleted: 'going',
  failed: 'failed',
}

function whyNotBootable({ id, operating_system: os }: Device): { message: string; hint: string } | undefined {
  if (!os?.slug || os.slug === 'custom_ipxe') return undefined
  return {
    message: `the machine ${id} has the operating system "${os.slug}", which does not boot over iPXE`,
    hint: 'name a machine created with custom_ipxe, for example by metalkit run -keep',
  }
}

function releaseOf({ rack_release: release }: Device): Release | undefined {
  if (!release) return undefined
  return { machine: release.machine, trouble: release.trouble ?? undefined }
}

/** The machine that a device is. */
export function recordOf(device: Device): MetalRecord {
  const tags = device.tags ?? []
  const attempt = tags.find((tag) => tag.startsWith(attemptTagPrefix))
  return {
    id: device.id,
    state: device.state,
    phase: phases[device.state] ?? 'unknown',
    hostname: device.hostname ?? '',
    plan: device.plan?.slug ?? '',
    place: device.metro?.code ?? '',
    createdAt: device.created_at || undefined,
    isLocked: device.locked ?? false,
    isOurs: tags.includes(machineTag),
    attempt: attempt === undefined ? undefined : Number(attempt.slice(attemptTagPrefix.length)),
    percentage: device.provisioning_percentage ?? undefined,
    projectId: device.project?.href?.split('/').at(-1),
    whyNotBootable: whyNotBootable(device),
    release: releaseOf(device),
    tags,
    sosHost: findSosHost(device),
  }
}
