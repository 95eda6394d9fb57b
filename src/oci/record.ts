// An instance as a machine, and the marks that tell metalkit's instances from others.
import type { MachineRecord, Phase } from '../machine/cloud.ts'
import { type Instance, runTag } from './schema.ts'

/** The mark of a run's machines and console connections: the value of their tag. It is a retry token too, of at most 64 characters. */
export function markOf(runId: string): string {
  return `mko-${runId}`
}

const phases: Readonly<Record<string, Phase>> = {
  MOVING: 'switching',
  PROVISIONING: 'coming',
  RUNNING: 'on',
  STARTING: 'switching',
  STOPPING: 'stopping',
  STOPPED: 'off',
  CREATING_IMAGE: 'on',
  TERMINATING: 'going',
  TERMINATED: 'gone',
}

/** A machine, with what only this cloud needs. */
export interface OciRecord extends MachineRecord {
  projectId: string
  /** The value of its tag. */
  mark: string | undefined
  ipxeScript: string
}

/** The script of a machine that boots what is at a URL. It runs at every boot, and cannot be changed. */
export function chainTo(scriptUrl: string): string {
  return `#!ipxe\nchain --autofree ${scriptUrl}\n`
}

/** The URL that a script chains to; undefined for another script. */
export function chainedUrl(ipxeScript: string): string | undefined {
  return /^#!ipxe\s*\n\s*chain (?:--autofree )?(\S+)\s*$/.exec(ipxeScript)?.[1]
}

/** The machine that an instance is. */
export function recordOf(instance: Instance): OciRecord {
  const { id, lifecycleState: state, displayName, shape, availabilityDomain, timeCreated, compartmentId } = instance
  const ipxeScript = instance.ipxeScript ?? ''
  const mark = instance.freeformTags?.[runTag]
  return {
    id,
    state,
    phase: phases[state] ?? 'unknown',
    hostname: displayName ?? '',
    plan: shape,
    place: availabilityDomain,
    createdAt: timeCreated,
    isLocked: false,
    isOurs: mark !== undefined,
    attempt: undefined,
    percentage: undefined,
    projectId: compartmentId,
    ...(chainedUrl(ipxeScript) === undefined && {
      whyNotBootable: {
        message: `the machine ${id} has no ipxeScript that chains to a URL, and Oracle Cloud cannot add one`,
        hint: 'name a machine that metalkit run -keep has left',
      },
    }),
    mark,
    ipxeScript,
  }
}
