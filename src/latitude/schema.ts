// The wire contract of the Latitude.sh API (JSON:API), as far as a client needs it: fields that are read are checked, others pass.
// Source: the published OpenAPI document of 2026-07-16, relaxed because its answers have no required fields.
import { z } from 'zod/mini'

/** What the API calls a body with content; it accepts application/json too. */
export const contentType = 'application/vnd.api+json'

/** The states of a server in the specification, and further states that clients have seen; others pass. */
export const serverStates = [
  'on',
  'off',
  'unknown',
  'disk_erasing',
  'deploying',
  'failed_deployment',
  'rescue_mode',
  'starting_deploy',
  'failed_disk_erasing',
  'reinstalling',
  'deleting',
] as const

const id = z.string().check(z.minLength(1))

/** A project, as a server names it; the only type whose servers can be deleted at once is `on_demand`. */
const projectFields = {
  name: z.nullish(z.string()),
  slug: z.nullish(z.string()),
  provisioning_type: z.nullish(z.string()),
}

/** A server. Its host name is at most 32 characters long, times are RFC 3339. The answer to a create has only a part of it. */
export const serverSchema = z.looseObject({
  id,
  attributes: z.looseObject({
    status: z.string().check(z.minLength(1)),
    hostname: z.nullish(z.string()),
    role: z.nullish(z.string()),
    locked: z.nullish(z.boolean()),
    created_at: z.nullish(z.string()),
    plan: z.nullish(z.looseObject({ slug: z.nullish(z.string()) })),
    region: z.nullish(z.looseObject({ site: z.nullish(z.looseObject({ slug: z.nullish(z.string()) })) })),
    project: z.nullish(z.looseObject({ id: z.nullish(z.string()), ...projectFields })),
  }),
})
export type LatitudeServer = z.infer<typeof serverSchema>

/** The object of an answer. */
export function singleSchema<S extends z.ZodMiniType>(object: S) {
  return z.looseObject({ data: object })
}

/** A page of a list; `meta.stats.total.count` is the length of the whole list if `stats[total]=count` asks for it. */
export function pageSchema<S extends z.ZodMiniType>(item: S) {
  return z.looseObject({
    data: z.array(item),
    meta: z.nullish(
      z.looseObject({
        stats: z.nullish(z.looseObject({ total: z.nullish(z.looseObject({ count: z.nullish(z.number()) })) })),
      }),
    ),
  })
}

export const projectSchema = z.looseObject({ id, attributes: z.looseObject(projectFields) })
export type Project = z.infer<typeof projectSchema>

/** Where a plan is offered, by the slugs of sites. */
export const planSchema = z.looseObject({
  id,
  attributes: z.looseObject({
    slug: z.string(),
    name: z.nullish(z.string()),
    regions: z.nullish(
      z.array(
        z.looseObject({
          locations: z.nullish(
            z.looseObject({ available: z.nullish(z.array(z.string())), in_stock: z.nullish(z.array(z.string())) }),
          ),
        }),
      ),
    ),
  }),
})
export type Plan = z.infer<typeof planSchema>

export const regionSchema = z.looseObject({ id, attributes: z.looseObject({ slug: z.string() }) })

/** A public key in OpenSSH's notation. */
export const sshKeySchema = z.looseObject({ id, attributes: z.looseObject({ public_key: z.string() }) })
export type SshKey = z.infer<typeof sshKeySchema>

/**
 * Where a server's serial console is. Strict about what it keeps: the answer also has the operating system's user and password,
 * which must go no further. The specification has the port as a string.
 */
export const outOfBandSchema = z.object({
  data: z.object({
    attributes: z.object({
      ssh_key: z.nullish(z.object({ id: z.nullish(z.string()) })),
      username: z.string().check(z.minLength(1)),
      access_ip: z.string().check(z.minLength(1)),
      port: z.union([z.string(), z.number()]),
    }),
  }),
})
export type OutOfBand = z.infer<typeof outOfBandSchema>['data']['attributes']

/** A refusal. `status` may be a word, `code` is often null. */
export const errorSchema = z.looseObject({
  errors: z
    .array(
      z.looseObject({
        code: z.nullish(z.string()),
        status: z.nullish(z.union([z.string(), z.number()])),
        title: z.nullish(z.string()),
        detail: z.nullish(z.string()),
      }),
    )
    .check(z.minLength(1)),
})

/** Attributes of POST /servers. */
export interface ServerCreateInput {
  project: string
  plan: string
  /** The slug of a site. */
  site: string
  operating_system: 'ipxe'
  hostname: string
  /** The URL of the boot script, or the script in base64. */
  ipxe: string
  /** Whether it boots over the network at every boot. */
  persistent_netboot: boolean
  billing: 'hourly'
}

/** Attributes of POST /servers/{id}/reinstall, which erases the disks. */
export interface ReinstallInput {
  operating_system: 'ipxe'
  hostname?: string
  ipxe: string
  persistent_netboot: boolean
}

/** `action` of POST /servers/{id}/actions. */
export type ServerAction = 'power_on' | 'power_off' | 'reboot'

/** What the API takes as a host name (terraform-provider-latitudesh, internal/validators/hostname.go). */
export const hostnameForm = /^(?=.{1,32}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/
