// The wire contract of the Metal API v1, as far as a client needs it: fields that are read are checked, others pass.
// Source: the OpenAPI document of equinix-sdk-go v0.65.0 (spec/services/metalv1), relaxed where real answers lacked fields.
import { z } from 'zod/mini'

/** `{href}`, or the object itself if `include` requested it. */
const reference = z.looseObject({ href: z.optional(z.string()) })

/** States of a device; unknown states pass. */
export const deviceStates = [
  'queued',
  'provisioning',
  'deprovisioning',
  'reinstalling',
  'active',
  'inactive',
  'failed',
  'powering_on',
  'powering_off',
  'deleted',
] as const

/** A device: a rented machine. Times are RFC 3339, percentage is 0 to 100. */
export const deviceSchema = z.looseObject({
  id: z.string().check(z.minLength(1)),
  state: z.string().check(z.minLength(1)),
  short_id: z.nullish(z.string()),
  hostname: z.nullish(z.string()),
  tags: z.nullish(z.array(z.string())),
  locked: z.nullish(z.boolean()),
  always_pxe: z.nullish(z.boolean()),
  ipxe_script_url: z.nullish(z.string()),
  created_at: z.nullish(z.string()),
  termination_time: z.nullish(z.string()),
  provisioning_percentage: z.nullish(z.number()),
  /** Host name of the Serial-over-SSH console. */
  sos: z.nullish(z.string()),
  plan: z.nullish(z.looseObject({ slug: z.nullish(z.string()) })),
  operating_system: z.nullish(z.looseObject({ slug: z.nullish(z.string()) })),
  facility: z.nullish(z.looseObject({ code: z.nullish(z.string()) })),
  metro: z.nullish(z.looseObject({ code: z.nullish(z.string()) })),
  project: z.nullish(reference),
  /** Only on a rack: the machine that a deleted device still holds. */
  rack_release: z.nullish(z.looseObject({ machine: z.string(), trouble: z.nullish(z.string()) })),
})
export type Device = z.infer<typeof deviceSchema>

/** A page's position in a list; `next` is null on the last page. */
export const metaSchema = z.looseObject({
  next: z.nullish(reference),
  total: z.nullish(z.number()),
  current_page: z.nullish(z.number()),
  last_page: z.nullish(z.number()),
})

export const deviceListSchema = z.looseObject({ devices: z.array(deviceSchema), meta: z.nullish(metaSchema) })

/** Something that happened to a device: `provisioning.101` … `provisioning.110`, `user.1000` … `user.1099`. */
export const eventSchema = z.looseObject({
  id: z.nullish(z.string()),
  type: z.nullish(z.string()),
  body: z.nullish(z.string()),
  state: z.nullish(z.string()),
  interpolated: z.nullish(z.string()),
  created_at: z.nullish(z.string()),
})
export type ApiEvent = z.infer<typeof eventSchema>

/** Newest first. */
export const eventListSchema = z.looseObject({ events: z.array(eventSchema), meta: z.nullish(metaSchema) })

export const projectSchema = z.looseObject({ id: z.string(), name: z.nullish(z.string()) })

export const planListSchema = z.looseObject({
  plans: z.array(z.looseObject({ slug: z.string(), name: z.nullish(z.string()) })),
})

export const metroListSchema = z.looseObject({
  metros: z.array(z.looseObject({ code: z.string(), name: z.nullish(z.string()) })),
})

export const sshKeyListSchema = z.looseObject({
  ssh_keys: z.array(
    z.looseObject({
      id: z.string(),
      key: z.string(),
      label: z.nullish(z.string()),
      fingerprint: z.nullish(z.string()),
    }),
  ),
})

/** "Either `error` or `errors` will be set." */
export const errorSchema = z.looseObject({ error: z.optional(z.string()), errors: z.optional(z.array(z.string())) })

/** Body of POST /projects/{id}/devices, as far as metalkit sends it. */
export interface DeviceCreateInput {
  plan: string
  operating_system: string
  metro: string
  hostname: string
  billing_cycle: 'hourly'
  ipxe_script_url: string
  always_pxe: boolean
  tags: string[]
  /** RFC 3339; the cloud deletes the device then. */
  termination_time?: string
}

/** Body of PUT /devices/{id}: absent fields stay unchanged. */
export interface DeviceUpdateInput {
  hostname?: string
  ipxe_script_url?: string
  always_pxe?: boolean
  tags?: string[]
  locked?: boolean
}

/** `type` of POST /devices/{id}/actions. */
export type DeviceAction = 'power_on' | 'power_off' | 'reboot' | 'rescue' | 'reinstall'
