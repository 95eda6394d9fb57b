// The wire contract of the Metal API v1, as far as a client needs it: fields that are read are checked, others pass.
// Source: the OpenAPI document of equinix-sdk-go v0.65.0 (spec/services/metalv1), relaxed where real answers lacked fields.
import { z } from 'zod'

/** `{href}`, or the object itself if `include` requested it. */
const reference = z.looseObject({ href: z.string().optional() })

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
  id: z.string().min(1),
  state: z.string().min(1),
  short_id: z.string().nullish(),
  hostname: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  locked: z.boolean().nullish(),
  always_pxe: z.boolean().nullish(),
  ipxe_script_url: z.string().nullish(),
  created_at: z.string().nullish(),
  termination_time: z.string().nullish(),
  provisioning_percentage: z.number().nullish(),
  /** Host name of the Serial-over-SSH console. */
  sos: z.string().nullish(),
  plan: z.looseObject({ slug: z.string().nullish() }).nullish(),
  operating_system: z.looseObject({ slug: z.string().nullish() }).nullish(),
  facility: z.looseObject({ code: z.string().nullish() }).nullish(),
  metro: z.looseObject({ code: z.string().nullish() }).nullish(),
  project: reference.nullish(),
})
export type Device = z.infer<typeof deviceSchema>

/** A page's position in a list; `next` is null on the last page. */
export const metaSchema = z.looseObject({
  next: reference.nullish(),
  total: z.number().nullish(),
  current_page: z.number().nullish(),
  last_page: z.number().nullish(),
})

export const deviceListSchema = z.looseObject({ devices: z.array(deviceSchema), meta: metaSchema.nullish() })

/** Something that happened to a device: `provisioning.101` … `provisioning.110`, `user.1000` … `user.1099`. */
export const eventSchema = z.looseObject({
  id: z.string().nullish(),
  type: z.string().nullish(),
  body: z.string().nullish(),
  state: z.string().nullish(),
  interpolated: z.string().nullish(),
  created_at: z.string().nullish(),
})
export type DeviceEvent = z.infer<typeof eventSchema>

/** Newest first. */
export const eventListSchema = z.looseObject({ events: z.array(eventSchema), meta: metaSchema.nullish() })

export const projectSchema = z.looseObject({ id: z.string(), name: z.string().nullish() })

export const planListSchema = z.looseObject({
  plans: z.array(z.looseObject({ slug: z.string(), name: z.string().nullish() })),
})

export const metroListSchema = z.looseObject({
  metros: z.array(z.looseObject({ code: z.string(), name: z.string().nullish() })),
})

export const sshKeyListSchema = z.looseObject({
  ssh_keys: z.array(
    z.looseObject({ id: z.string(), key: z.string(), label: z.string().nullish(), fingerprint: z.string().nullish() }),
  ),
})

/** "Either `error` or `errors` will be set." */
export const errorSchema = z.looseObject({ error: z.string().optional(), errors: z.array(z.string()).optional() })

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
