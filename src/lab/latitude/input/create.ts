// Checks of POST /servers, stricter than the specification, which requires nothing.
import { z } from 'zod/mini'
import { hostnameForm } from '../../../latitude/schema.ts'
import { findMetro, findPlan, type OperatingSystem } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { addressKinds, type DeviceRequest } from '../../cloud/device.ts'
import type { Project } from '../../cloud/account/project.ts'
import { siteOf, systemSlug } from '../model/catalogue.ts'
import { findProject, isReserved, keysOf } from '../model/project.ts'
import { type Checked, checkAttributes, type Reason } from './body.ts'
import { readScript, refuseScript, scriptFields } from './script.ts'

const createSchema = z.looseObject({
  project: z.nullish(z.string()),
  plan: z.nullish(z.string()),
  site: z.nullish(z.string()),
  operating_system: z.nullish(z.string()),
  hostname: z.nullish(z.string()),
  ssh_keys: z.nullish(z.array(z.string())),
  user_data: z.nullish(z.string()),
  raid: z.nullish(z.enum(['raid-0', 'raid-1'])),
  billing: z.nullish(z.enum(['hourly', 'monthly', 'yearly'])),
  ...scriptFields,
})

/** Checks a host name. */
export function refuseHostname(hostname: string): Reason[] {
  return hostnameForm.test(hostname) ? [] : [{ detail: 'hostname is invalid', field: 'hostname' }]
}

/** The operating system with a slug of the API. */
export function findSystem(cloud: Cloud, slug: string | null | undefined): OperatingSystem | undefined {
  return cloud.settings.catalogue.operatingSystems.find((system) => systemSlug(system) === slug)
}

/** Keys that are not in the project. */
export function refuseKeys(cloud: Cloud, project: Project, ids: readonly string[]): Reason[] {
  const known = new Set(keysOf(cloud, project.id).map(({ id }) => id))
  const unknown = ids.filter((id) => !known.has(id))
  if (unknown.length === 0) return []
  const detail = `The following SSH Keys were not found in project '${project.id}': ${JSON.stringify(unknown)}.`
  return [{ detail, field: 'ssh_keys' }]
}

/** Reserved projects are billed by the year, others by the hour or the month. */
function refuseBilling(project: Project, billing: string): Reason[] {
  if ((billing === 'yearly') === isReserved(project)) return []
  return [{ detail: `billing ${billing} is not available in this project`, field: 'billing' }]
}

/** A missing field. */
function blank(field: string): Reason {
  return { detail: `${field} can't be blank`, field }
}

/** Checks the attributes of a create; all reasons are given at once. */
export function checkCreate(attributes: unknown, cloud: Cloud): Checked<{ request: DeviceRequest; projectId: string }> {
  const checked = checkAttributes(createSchema, attributes)
  if ('reasons' in checked) return checked
  const input = checked.value
  const { catalogue } = cloud.settings
  const required = ['project', 'plan', 'site', 'operating_system', 'hostname'] as const
  const reasons: Reason[] = required.filter((field) => !input[field]).map(blank)
  const project = findProject(cloud, input.project ?? '')
  const plan = findPlan(catalogue, input.plan ?? '')
  const nearMetro = findMetro(catalogue, input.site ?? '')
  // Sites are written in capitals, which findMetro does not require.
  const metro = nearMetro !== undefined && siteOf(nearMetro) === input.site ? nearMetro : undefined
  const system = findSystem(cloud, input.operating_system)
  if (input.project && project === undefined) reasons.push({ detail: 'Project not found', field: 'project' })
  if (input.plan && plan === undefined) reasons.push({ detail: 'Plan not found', field: 'plan' })
  if (input.site && metro === undefined) reasons.push({ detail: 'Site not found', field: 'site' })
  if (input.operating_system && system === undefined) {
    reasons.push({ detail: 'Operating system not found', field: 'operating_system' })
  }
  if (input.hostname) reasons.push(...refuseHostname(input.hostname))
  reasons.push(...refuseScript(input, input.operating_system === 'ipxe'))
  if (input.user_data) reasons.push({ detail: 'User data not found', field: 'user_data' })
  // The documents disagree on the default; the dearer one shows clients that leave it out.
  const billing = input.billing ?? (project !== undefined && isReserved(project) ? 'yearly' : 'monthly')
  if (project !== undefined) {
    reasons.push(...refuseBilling(project, billing), ...refuseKeys(cloud, project, input.ssh_keys ?? []))
  }
  const isComplete = project !== undefined && plan !== undefined && metro !== undefined && system !== undefined
  if (reasons.length > 0 || !isComplete) return { reasons }
  const script = readScript(input.ipxe ?? '') ?? { ipxeScriptUrl: null, userdata: '' }
  const request: DeviceRequest = {
    plan,
    metro,
    facilityCode: metro.code,
    operatingSystem: system,
    hostname: input.hostname ?? undefined,
    description: null,
    billingCycle: billing,
    ...script,
    customdata: {},
    alwaysPxe: input.persistent_netboot ?? false,
    locked: false,
    networkFrozen: false,
    spotInstance: false,
    spotPriceMax: undefined,
    addressKinds: [...addressKinds],
    tags: [],
    terminationTime: null,
    keyIds: input.ssh_keys ?? [],
  }
  return { value: { request, projectId: project.id } }
}
