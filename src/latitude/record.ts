// A server as a machine: its state in the words that all clouds share.
import type { MachineRecord, Phase } from '../machine/cloud.ts'
import { readHostname } from './mark.ts'
import type { LatitudeServer } from './schema.ts'

/** States are an open set: one that is missing here is unknown. A server in rescue mode runs another system. */
const phases = new Map<string, Phase>([
  ['on', 'on'],
  ['rescue_mode', 'on'],
  ['off', 'off'],
  ['starting_deploy', 'coming'],
  ['deploying', 'coming'],
  ['disk_erasing', 'coming'],
  ['reinstalling', 'coming'],
  ['deleting', 'going'],
  ['failed_deployment', 'failed'],
  ['failed_disk_erasing', 'failed'],
])

/** Why a server cannot be reinstalled with iPXE; undefined if it can. */
function whyNotBootable({ attributes: { status, role } }: LatitudeServer): MachineRecord['whyNotBootable'] {
  if (status === 'rescue_mode') {
    return {
      message: 'is in rescue mode, in which it cannot be reinstalled',
      hint: 'leave rescue mode in the dashboard of Latitude.sh first',
    }
  }
  if (role && role.toLowerCase() !== 'bare metal') {
    return {
      message: `has the role "${role}" and does not boot over iPXE`,
      hint: 'name a bare-metal server, for example one created by metalkit run latitude --keep',
    }
  }
  return undefined
}

/** @param isStarting whether it has been deployed and not been on since: until it is, "off" means not started yet */
export function toRecord(server: LatitudeServer, isStarting: boolean): MachineRecord {
  const { id, attributes } = server
  const { status, plan, region, project, locked, created_at: createdAt } = attributes
  const hostname = attributes.hostname ?? ''
  const phase = phases.get(status) ?? 'unknown'
  return {
    id,
    state: status,
    phase: phase === 'off' && isStarting ? 'coming' : phase,
    hostname,
    plan: plan?.slug ?? '',
    place: region?.site?.slug ?? '',
    createdAt: createdAt ?? undefined,
    isLocked: locked ?? false,
    isOurs: readHostname(hostname) !== undefined,
    attempt: readHostname(hostname)?.attempt,
    percentage: undefined,
    projectId: project?.id ?? undefined,
    whyNotBootable: whyNotBootable(server),
  }
}
