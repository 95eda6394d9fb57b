// Checks that several requests share, with their refusals. [I] marks texts that are inferred, in the style of the known ones.
import { z } from 'zod/mini'

import { hasControls } from '../../../text/plain-text.ts'
import type { OperatingSystem } from '../../cloud/catalogue.ts'

/** The reasons for a 422, or the checked value. */
export type Checked<T> = { errors: string[] } | { value: T }

/** The reasons; empty if the value passed. */
export function errorsOf(checked: Checked<unknown>): string[] {
  return 'errors' in checked ? checked.errors : []
}

/** Checks the shape of a body: each field with the wrong type is a reason [I]. */
export function checkShape<T>(schema: z.ZodMiniType<T>, body: unknown): Checked<T> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return { value: parsed.data }
  const names = parsed.error.issues.map((issue) => issue.path.join('.'))
  return { errors: names.map((name) => (name === '' ? 'The body is not an object' : `${name} is invalid`)) }
}

/** Finds the object with a slug; a blank or unknown slug is a reason. The text for plans is the API's, the others follow it [I]. */
export function choose<T>(
  kind: string,
  slug: string | null | undefined,
  find: (slug: string) => T | undefined,
): Checked<T> {
  if (slug === undefined || slug === null || slug === '') {
    return { errors: [`${kind.charAt(0).toUpperCase()}${kind.slice(1)} can't be blank`] }
  }
  const value = find(slug)
  return value === undefined ? { errors: [`${slug} is not a valid ${kind}`] } : { value }
}

/** Whether a boot server could put this URL into a line of a script [I]. */
function isScriptUrl(url: string): boolean {
  return /^https?:\/\/\S+$/i.test(url) && !hasControls(url) && URL.canParse(url)
}

/** The rules of custom_ipxe: a script comes from the URL or the userdata, not both, and the URL is valid. An empty URL counts as given. */
export function checkScript(system: OperatingSystem, url: string | null | undefined, userdata: string): string[] {
  if (system.slug !== 'custom_ipxe') return []
  const hasUrl = url !== undefined && url !== null
  if (hasUrl === userdata.startsWith('#!ipxe') || url === '') {
    return ['only ipxe_script_url or userdata may be used for custom ipxe.']
  }
  return hasUrl && !isScriptUrl(url) ? [`${url} is not a valid ipxe_script_url`] : []
}

/** Host names must not contain an underscore; the API's own text is not known [I]. */
export function checkHostname(hostname: string | null | undefined): string[] {
  if (hostname === undefined || hostname === null || hostname === '') return []
  return /^(?!-)[a-z0-9.-]{1,253}(?<!-)$/i.test(hostname) ? [] : ['Hostname is invalid']
}

/** The deepest nesting that is accepted: each level takes stack space when the JSON is written. */
const maxLevels = 100

function isShallow(value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxLevels) return false
    level = level.flatMap((part) => (typeof part === 'object' && part !== null ? Object.values(part) : []))
  }
  return true
}

/** A boolean, or the word for one, as in a query. */
export const flag = z.union([z.boolean(), z.stringbool({ truthy: ['true'], falsy: ['false'] })])

/** A list of strings; packet-python writes `{}` for an empty list. */
export const texts = z.pipe(
  z.transform((value) => (typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? [] : value)),
  z.array(z.string()),
)

/** A number, or a string of digits, as in a query and from packngo. */
export const amount = z.union([z.number(), z.pipe(z.string().check(z.regex(/^-?\d+(\.\d+)?$/)), z.transform(Number))])

function parseText(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return value === '' ? {} : JSON.parse(value)
  } catch {
    return value
  }
}

/** Any object; packngo and Terraform send it as a string of JSON. */
export const customdata = z.pipe(z.transform(parseText), z.record(z.string(), z.unknown()).check(z.refine(isShallow)))

/** Fields that a create and an update share (DeviceCreateInput.yaml, DeviceUpdateInput.yaml). */
export const changeableFields = {
  hostname: z.nullish(z.string()),
  description: z.nullish(z.string()),
  billing_cycle: z.nullish(z.enum(['hourly', 'daily', 'monthly', 'yearly'])),
  customdata: z.nullish(customdata),
  ipxe_script_url: z.nullish(z.string()),
  userdata: z.nullish(z.string()),
  always_pxe: z.nullish(flag),
  locked: z.nullish(flag),
  network_frozen: z.nullish(flag),
  spot_instance: z.nullish(flag),
  tags: z.nullish(texts),
}
