// What clients may ask of devices (DeviceCreateInput.yaml, DeviceUpdateInput.yaml), and the refusals. Texts marked [I] are inferred
// in the style of the known ones.
import { z } from 'zod'

import { findMetro, findOperatingSystem, findPlan } from '../catalogue.ts'
import type { OperatingSystem } from '../catalogue.ts'
import type { Cloud } from '../cloud.ts'
import type { Device, DeviceRequest } from '../device.ts'
import { createKeyRecord } from '../key-record.ts'
import type { KeyRecord } from '../key-record.ts'

const changeable = {
  hostname: z.string().nullish(),
  description: z.string().nullish(),
  billing_cycle: z.enum(['hourly', 'daily', 'monthly', 'yearly']).nullish(),
  customdata: z.record(z.string(), z.unknown()).nullish(),
  ipxe_script_url: z.string().nullish(),
  userdata: z.string().nullish(),
  always_pxe: z.boolean().nullish(),
  locked: z.boolean().nullish(),
  network_frozen: z.boolean().nullish(),
  tags: z.array(z.string()).nullish(),
}

const updateSchema = z.looseObject(changeable)

const createSchema = z.looseObject({
  ...changeable,
  plan: z.string().nullish(),
  metro: z.string().nullish(),
  operating_system: z.string().nullish(),
  termination_time: z.string().nullish(),
  no_ssh_keys: z.boolean().nullish(),
  project_ssh_keys: z.array(z.string()).nullish(),
  user_ssh_keys: z.array(z.string()).nullish(),
  ssh_keys: z.array(z.looseObject({ key: z.string(), label: z.string().nullish() })).nullish(),
})
type CreateInput = z.infer<typeof createSchema>

/** The reasons of a 422, or what was asked for. */
export type Checked<T> = { errors: string[] } | { value: T }

/** Checks a body's shape: each field that has the wrong type is a reason [I]. */
export function checkShape<T>(schema: z.ZodType<T>, body: unknown): Checked<T> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return { value: parsed.data }
  const names = parsed.error.issues.map((issue) => issue.path.join('.'))
  return { errors: names.map((name) => (name === '' ? 'The body is not an object' : `${name} is invalid`)) }
}

/** A script URL must be one that a boot server could put into a line of a script [I]. */
function isScriptUrl(url: string): boolean {
  return /^https?:\/\/\S+$/i.test(url) && URL.canParse(url)
}

/** The rules of custom_ipxe: the script is given one way, and a URL is a URL. An empty URL counts as given. */
function checkScript(system: OperatingSystem, url: string | null | undefined, userdata: string): string[] {
  if (system.slug !== 'custom_ipxe') return []
  const hasUrl = url !== undefined && url !== null
  if (hasUrl === userdata.startsWith('#!ipxe') || url === '') {
    return ['only ipxe_script_url or userdata may be used for custom ipxe.']
  }
  return hasUrl && !isScriptUrl(url) ? [`${url} is not a valid ipxe_script_url`] : []
}

/** Host names take no underscore; the API's own text is not known [I]. */
function checkHostname(hostname: string | null | undefined): string[] {
  if (hostname === undefined || hostname === null || hostname === '') return []
  return /^(?!-)[a-z0-9.-]{1,253}(?<!-)$/i.test(hostname) ? [] : ['Hostname is invalid']
}

function checkTerminationTime(time: string | null | undefined): string[] {
  if (time === undefined || time === null || time === '') return []
  return Date.parse(time) > Date.now() ? [] : ['Termination time must be in the future']
}

/** Finds what a slug names: blank and unknown are reasons. The text for plans is the API's, the others follow it [I]. */
function choose<T>(kind: string, slug: string | null | undefined, find: (slug: string) => T | undefined): Checked<T> {
  if (slug === undefined || slug === null || slug === '') {
    return { errors: [`${kind.charAt(0).toUpperCase()}${kind.slice(1)} can't be blank`] }
  }
  const value = find(slug)
  return value === undefined ? { errors: [`${slug} is not a valid ${kind}`] } : { value }
}

/** The keys of a new device: those named, or all there are. Keys given in full become the project's. */
function chooseKeys(input: CreateInput, cloud: Cloud): Checked<{ ids: string[]; added: KeyRecord[] }> {
  if (input.no_ssh_keys === true) return { value: { ids: [], added: [] } }
  const projectKeys = input.project_ssh_keys ?? []
  const users = input.user_ssh_keys ?? []
  const given = input.ssh_keys ?? []
  const all = [...cloud.keys.values()]
  if (projectKeys.length + users.length + given.length === 0) {
    return { value: { ids: all.map((key) => key.id), added: [] } }
  }
  const unknown = [
    ...projectKeys.filter((id) => cloud.keys.get(id)?.owner !== 'project'),
    ...users.filter((id) => id !== cloud.userId),
  ]
  const added: KeyRecord[] = []
  const errors = unknown.map((id) => `${id} is not a valid ssh key`)
  const ids = new Set(projectKeys)
  for (const key of users.length > 0 ? all : []) if (key.owner === 'user') ids.add(key.id)
  for (const { key, label } of given) {
    const record = createKeyRecord('project', key, label ?? '')
    const known = all.find((one) => one.fingerprint === record?.fingerprint)
    if (record === undefined) errors.push('Key is invalid')
    else if (known === undefined) added.push(record)
    ids.add(known?.id ?? record?.id ?? '')
  }
  return errors.length > 0 ? { errors } : { value: { ids: [...ids], added } }
}

/** Checks the body of a create. All reasons are given at once, but for a facility, which is refused first, even when empty. */
export function checkCreate(body: unknown, cloud: Cloud): Checked<{ request: DeviceRequest; addedKeys: KeyRecord[] }> {
  if (typeof body === 'object' && body !== null && 'facility' in body) {
    return {
      errors: [
        `The 'facility' parameter is not supported for organization ${cloud.organizationId}. For more details, see https://feedback.equinixmetal.com/changelog/bye-facilities-hello-again-metros`,
      ],
    }
  }
  const shape = checkShape(createSchema, body)
  if ('errors' in shape) return shape
  const input = shape.value
  const plan = choose('plan', input.plan, findPlan)
  const metro = choose('metro', input.metro, findMetro)
  const system = choose('operating system', input.operating_system, findOperatingSystem)
  const keys = chooseKeys(input, cloud)
  const userdata = input.userdata ?? ''
  const errors = [
    ...[plan, metro, system].flatMap((one) => ('errors' in one ? one.errors : [])),
    ...('value' in system ? checkScript(system.value, input.ipxe_script_url, userdata) : []),
    ...checkHostname(input.hostname),
    ...checkTerminationTime(input.termination_time),
    ...('errors' in keys ? keys.errors : []),
  ]
  if (errors.length > 0 || 'errors' in plan || 'errors' in metro || 'errors' in system || 'errors' in keys) {
    return { errors }
  }
  const request: DeviceRequest = {
    plan: plan.value,
    metro: metro.value,
    operatingSystem: system.value,
    hostname: input.hostname === null || input.hostname === '' ? undefined : input.hostname,
    description: input.description ?? null,
    billingCycle: input.billing_cycle ?? 'hourly',
    ipxeScriptUrl: input.ipxe_script_url ?? null,
    userdata,
    customdata: input.customdata ?? {},
    alwaysPxe: input.always_pxe ?? false,
    locked: input.locked ?? false,
    networkFrozen: input.network_frozen ?? false,
    tags: input.tags ?? [],
    terminationTime: input.termination_time ? new Date(input.termination_time).toISOString() : null,
    keyIds: keys.value.ids,
  }
  return { value: { request, addedKeys: keys.value.added } }
}

/** Fields of a device that change, under their own names. */
export type DeviceChange = Partial<
  Pick<
    Device,
    | 'hostname'
    | 'description'
    | 'billingCycle'
    | 'customdata'
    | 'ipxeScriptUrl'
    | 'userdata'
    | 'alwaysPxe'
    | 'locked'
    | 'networkFrozen'
    | 'tags'
  >
>

/** Checks the body of an update. What is absent stays. */
export function checkUpdate(body: unknown, device: Device): Checked<DeviceChange> {
  const shape = checkShape(updateSchema, body)
  if ('errors' in shape) return shape
  const input = shape.value
  const url = input.ipxe_script_url === undefined ? device.ipxeScriptUrl : input.ipxe_script_url
  const userdata = input.userdata ?? device.userdata
  const scriptChanges = input.ipxe_script_url !== undefined || input.userdata !== undefined
  const errors = [
    ...(scriptChanges ? checkScript(device.operatingSystem, url, userdata) : []),
    ...checkHostname(input.hostname),
  ]
  if (errors.length > 0) return { errors }
  return {
    value: {
      hostname: input.hostname || device.hostname,
      description: input.description === undefined ? device.description : input.description,
      billingCycle: input.billing_cycle ?? device.billingCycle,
      customdata: input.customdata ?? device.customdata,
      ipxeScriptUrl: url,
      userdata,
      alwaysPxe: input.always_pxe ?? device.alwaysPxe,
      locked: input.locked ?? device.locked,
      networkFrozen: input.network_frozen ?? device.networkFrozen,
      tags: input.tags ?? device.tags,
    },
  }
}

const actionSchema = z.looseObject({
  type: z.enum(['power_on', 'power_off', 'reboot', 'rescue', 'reinstall']),
  operating_system: z.string().nullish(),
  ipxe_script_url: z.string().nullish(),
})

/** What an action asks for; system and script are those to reinstall. */
export interface ActionRequest {
  type: z.infer<typeof actionSchema>['type']
  change: Pick<Device, 'operatingSystem' | 'ipxeScriptUrl'>
}

/** Checks the body of an action. */
export function checkAction(body: unknown, device: Device): Checked<ActionRequest> {
  const shape = checkShape(actionSchema, body)
  if ('errors' in shape) return shape
  const { type, operating_system: slug, ipxe_script_url: given } = shape.value
  const system = choose('operating system', slug ?? device.operatingSystem.slug, findOperatingSystem)
  if ('errors' in system) return system
  const url = given === undefined ? device.ipxeScriptUrl : given
  const errors = type === 'reinstall' ? checkScript(system.value, url, device.userdata) : []
  return errors.length > 0
    ? { errors }
    : { value: { type, change: { operatingSystem: system.value, ipxeScriptUrl: url } } }
}
