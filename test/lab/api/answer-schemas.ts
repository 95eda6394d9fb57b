// The schema of each route's answers, so that all answers in all tests are checked. Like device-schema.ts, this file follows the
// specification: no unknown field is allowed, and no field that the lab promises may be missing.
import { z } from 'zod'

import * as schemas from './device-schema.ts'

const { href, time, meta } = schemas

const batch = z.strictObject({
  id: z.uuid(),
  state: z.literal('completed'),
  quantity: z.int().min(1),
  error_messages: z.array(z.string()),
  devices: z.array(href),
  project: href,
  created_at: time,
  updated_at: time,
})

const capacity = (level: z.ZodType) => z.strictObject({ capacity: z.record(z.string(), z.record(z.string(), level)) })
const level = z.enum(['unavailable', 'limited', 'normal'])

const checked = (kind: 'metro' | 'facility') =>
  z.strictObject({
    servers: z.array(
      z.strictObject({
        [kind]: z.string(),
        plan: z.string(),
        quantity: z.string().regex(/^\d+$/),
        available: z.boolean(),
      }),
    ),
  })

const reservation = z.strictObject({
  ...schemas.address.omit({ assigned_to: true, parent_block: true, type: true }).shape,
  type: z.enum(['public_ipv4', 'private_ipv4', 'public_ipv6', 'global_ipv4']),
  addon: z.boolean(),
  bill: z.boolean(),
  details: z.string().nullable(),
  tags: z.array(z.string()),
  state: z.literal('created'),
  available: z.string().optional(),
  customdata: z.record(z.string(), z.unknown()),
  facility: schemas.facility.optional(),
  project: href,
  project_lite: href,
  requested_by: href,
  assignments: z.array(href),
})

const organization = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  customdata: z.strictObject({}),
  credit_amount: z.number(),
  members: z.array(href),
  memberships: z.array(href),
  projects: z.array(href),
  created_at: time,
  updated_at: time,
})

const email = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  address: z.email(),
  default: z.boolean(),
  verified: z.boolean(),
})

const membership = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  project: href,
  user: href,
  roles: z.array(z.enum(['admin', 'billing', 'collaborator', 'limited_collaborator'])),
  created_at: time,
  updated_at: time,
})

const apiKeyFields = {
  id: z.uuid(),
  token: z.string().min(32),
  description: z.string(),
  read_only: z.boolean(),
  created_at: time,
  updated_at: time,
}
const apiKey = z.union([
  z.strictObject({ ...apiKeyFields, user: href }),
  z.strictObject({ ...apiKeyFields, project: href }),
])

const bonding = z.strictObject({ mode: z.int(), link_aggregation: z.string(), mac: z.string() })
const interfaces = z
  .array(z.strictObject({ name: z.string(), mac: z.string(), bond: z.literal('bond0').optional() }))
  .min(1)

/** A machine of an inventory; relations that a request includes are in full. */
const hardware = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  short_id: z.string().length(8),
  created_at: time,
  plan: schemas.plan,
  facility: schemas.facility,
  project: z.union([href, schemas.project]),
  device: z.union([href, schemas.device]).optional(),
  provisionable: z.boolean(),
  spare: z.literal(false),
  need_of_service: z.boolean(),
  switch_uuid: z.string().length(8),
  custom_rate: z.number(),
  name: z.string(),
  why: z.string().optional(),
})

/** The fields of a machine in the API and in the metadata service. */
const commonMetadata = {
  id: z.uuid(),
  hostname: z.string(),
  iqn: z.string(),
  operating_system: z.strictObject({
    slug: z.string(),
    distro: z.string(),
    version: z.string(),
    license_activation: z.strictObject({ state: z.literal('unlicensed') }),
    image_tag: z.null(),
  }),
  plan: z.string(),
  reserved: z.boolean(),
  class: z.string(),
  facility: z.string(),
  metro: z.string(),
  private_subnets: z.array(z.string()),
  tags: z.array(z.string()),
  ssh_keys: z.array(z.string()),
  customdata: z.record(z.string(), z.unknown()),
  specs: schemas.plan.shape.specs,
  switch_short_id: z.string(),
  volumes: z.array(z.never()),
}

/** The metadata in the API (Metadata.yaml). */
const apiMetadata = z.strictObject({
  ...commonMetadata,
  state: schemas.device.shape.state,
  network: z.strictObject({
    addresses: z.array(z.string()),
    interfaces,
    network: z.strictObject({ bonding }),
  }),
})

/** The metadata that the service sends to a machine. */
export const machineMetadata = z.strictObject({
  ...commonMetadata,
  storage: z.strictObject({}),
  boot_drive_hint: z.string(),
  network: z.strictObject({
    bonding,
    interfaces,
    addresses: z.array(schemas.address),
    metal_gateways: z.array(z.never()),
  }),
  spot: z.strictObject({}),
  api_url: z.url(),
  phone_home_url: z.url(),
  user_state_url: z.url(),
})

const list = (key: string, schema: z.ZodType) => z.strictObject({ [key]: z.array(schema) })
const pages = (key: string, schema: z.ZodType) => z.strictObject({ [key]: z.array(schema), meta })
const owner = '/(?:projects|organizations)/[^/]+'

const rows: readonly (readonly [pattern: string, schema: z.ZodType])[] = [
  ['(GET|PUT|PATCH) /devices/[^/]+', schemas.device],
  ['POST /projects/[^/]+/devices', schemas.device],
  [`GET ${owner}/devices`, schemas.deviceList],
  ['POST /projects/[^/]+/devices/batch', list('batches', batch)],
  ['GET /projects/[^/]+/batches', list('batches', batch)],
  ['GET /batches/[^/]+', batch],
  [`GET ((${owner}|/devices/[^/]+)/events|/events)`, schemas.eventList],
  ['GET /events/[^/]+', schemas.event],
  ['GET /devices/[^/]+/customdata', z.record(z.string(), z.unknown())],
  ['GET /devices/[^/]+/userdata', z.strictObject({ userdata: z.string() })],
  ['GET /devices/[^/]+/metadata', apiMetadata],
  ['GET /devices/[^/]+/ips', list('ip_addresses', schemas.address)],
  ['GET (/devices/[^/]+|/projects/[^/]+)?/ssh-keys', list('ssh_keys', schemas.sshKey)],
  ['POST (/projects/[^/]+)?/ssh-keys', schemas.sshKey],
  ['(GET|PUT|PATCH) /ssh-keys/[^/]+', schemas.sshKey],
  [
    'GET /devices/[^/]+/diagnostics/health/rollup',
    z.strictObject({ health_rollup: z.enum(['ok', 'warning', 'critical']), updated_at: time }),
  ],
  ['GET /ports/[^/]+', schemas.port],
  ['(GET|PUT|PATCH) /ips/[^/]+', z.union([schemas.address, reservation])],
  ['GET /ips/[^/]+/available', list('available', z.string())],
  ['GET (/projects/[^/]+|/devices/[^/]+)?/ips/[^/]+/customdata', z.record(z.string(), z.unknown())],
  ['POST /projects/[^/]+/ips', reservation],
  ['POST /devices/[^/]+/ips', schemas.address],
  ['GET /projects/[^/]+/ips', pages('ip_addresses', reservation)],
  ['GET (/organizations/[^/]+)?/capacity', capacity(z.strictObject({ level }))],
  [
    'GET (/organizations/[^/]+)?/capacity/metros',
    capacity(z.strictObject({ level, available_servers: z.int().nonnegative() })),
  ],
  ['POST /capacity', checked('facility')],
  ['POST /capacity/metros', checked('metro')],
  ['(GET|PUT|PATCH) /user', schemas.user],
  ['GET /emails/[^/]+', email],
  ['GET /memberships/[^/]+', membership],
  ['GET (/user|/projects/[^/]+)/api-keys', list('api_keys', apiKey)],
  ['POST (/user|/projects/[^/]+)/api-keys', apiKey],
  ['GET /users/[^/]+', schemas.user],
  ['GET (/organizations/[^/]+)?/projects', pages('projects', schemas.project)],
  ['POST (/organizations/[^/]+)?/projects', schemas.project],
  ['(GET|PUT|PATCH) /projects/[^/]+', schemas.project],
  ['GET /projects/[^/]+/customdata', z.record(z.string(), z.unknown())],
  ['GET /projects/[^/]+/bgp-config', z.strictObject({})],
  ['GET /(projects|devices)/[^/]+/bgp/sessions', list('bgp_sessions', z.never())],
  ['GET /(projects|devices)/[^/]+/usages', list('usages', z.never())],
  ['GET /devices/[^/]+/bandwidth', list('bandwidth', z.never())],
  ['GET /projects/[^/]+/hardware-reservations', pages('hardware_reservations', hardware)],
  ['GET /hardware-reservations/[^/]+', hardware],
  ['GET /market/spot/prices(/metros)?', z.strictObject({ spot_market_prices: z.strictObject({}) })],
  ['GET /organizations', pages('organizations', organization)],
  ['GET /organizations/[^/]+', organization],
  [`GET (${owner})?/plans`, list('plans', schemas.plan)],
  [`GET (${owner})?/facilities`, list('facilities', schemas.facility)],
  ['GET (/organizations/[^/]+)?/operating-systems', list('operating_systems', schemas.operatingSystem)],
  ['GET (/locations)?/metros', list('metros', schemas.metro)],
  ['GET /locations/metros/[^/]+', schemas.metro],
]
const table = rows.map(([pattern, schema]) => ({ pattern: new RegExp(`^${pattern}$`), schema }))

/** "Either `error` or `errors` will be set." */
const failure = z.union([z.strictObject({ error: z.string() }), z.strictObject({ errors: z.array(z.string()).min(1) })])

/**
 * Checks that an answer of the API matches the schema of its route. `json` is undefined if there is no body. Answers shaped
 * by `include` or `exclude` are only checked for existence.
 * @throws if it does not match, or if no schema is known
 */
export function checkAnswer(method: string, target: string, status: number, json: unknown): void {
  const [path = '', query = ''] = target.split('?')
  if (json === undefined || /(^|&)(include|exclude)/.test(query)) return
  if (status >= 400) {
    failure.parse(json)
    return
  }
  const row = table.find(({ pattern }) =>
    pattern.test(`${method} ${path.replaceAll(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')}`),
  )
  if (row === undefined) throw new Error(`no schema is known for ${method} ${path}`)
  row.schema.parse(json)
}
