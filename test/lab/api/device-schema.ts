// The required form of answers, written from the specification (Device.yaml and its parts), independently of the client's lenient
// schemas: no unknown fields, and no missing ones that the lab promises. Null is allowed only if real answers were seen to contain it.
import { z } from 'zod'

export const href = z.strictObject({ href: z.string().startsWith('/metal/v1/') })
/** Whole seconds, as recorded. */
export const time = z.iso.datetime({ precision: 0 })

export const metro = z.strictObject({ id: z.uuid(), code: z.string().min(2), name: z.string(), country: z.string() })

export const facility = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  code: z.string(),
  features: z.array(z.enum(['baremetal', 'backend_transfer', 'layer_2', 'global_ipv4', 'ibx'])),
  ip_ranges: z.array(z.string()),
  address: z.strictObject({ address: z.string(), city: z.string(), zip_code: z.string(), country: z.string() }),
  metro,
})

const offer = z.strictObject({ href: z.string(), price: z.strictObject({ hour: z.number() }) })

export const plan = z.strictObject({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  description: z.string(),
  line: z.literal('baremetal'),
  legacy: z.literal(false),
  class: z.string(),
  type: z.enum(['standard', 'workload_optimized', 'custom']),
  categories: z.array(z.string()),
  deployment_types: z.array(z.enum(['on_demand', 'spot_market'])),
  specs: z.strictObject({
    cpus: z.array(z.strictObject({ count: z.int(), type: z.string() })),
    memory: z.strictObject({ total: z.string().optional() }),
    drives: z.array(z.never()),
    nics: z.array(z.strictObject({ count: z.int(), type: z.string() })),
    features: z.strictObject({ raid: z.boolean(), txt: z.boolean(), uefi: z.boolean() }),
  }),
  available_in: z.array(offer),
  available_in_metros: z.array(offer),
  pricing: z.record(z.string(), z.number()),
})

export const operatingSystem = z.strictObject({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  distro: z.string(),
  version: z.string(),
  preinstallable: z.boolean(),
  licensed: z.boolean(),
  pricing: z.record(z.string(), z.unknown()),
  provisionable_on: z.array(z.string()),
})

export const event = z.strictObject({
  href: z.string().startsWith('/metal/v1/events/'),
  id: z.uuid(),
  type: z.string(),
  body: z.string(),
  interpolated: z.string(),
  state: z.string(),
  relationships: z.array(href),
  created_at: time,
})

const pendingEvent = z.strictObject({
  id: z.null(),
  type: z.string().startsWith('provisioning.'),
  body: z.string(),
  interpolated: z.string(),
  state: z.null(),
  relationships: z.array(z.never()),
  created_at: z.null(),
})

const bondPort = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  type: z.literal('NetworkBondPort'),
  name: z.literal('bond0'),
  data: z.strictObject({ bonded: z.literal(true) }),
  network_type: z.enum(['layer2-bonded', 'layer2-individual', 'layer3', 'hybrid', 'hybrid-bonded']),
  disbond_operation_supported: z.boolean(),
  virtual_networks: z.array(z.never()),
})

const ethernetPort = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  type: z.literal('NetworkPort'),
  name: z.string().regex(/^eth\d$/),
  data: z.strictObject({ mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/), bonded: z.boolean() }),
  bond: z.strictObject({ id: z.uuid(), name: z.literal('bond0') }),
  disbond_operation_supported: z.boolean(),
  virtual_networks: z.array(z.never()),
})

const block = { network: z.string(), netmask: z.string(), cidr: z.int(), href: z.string() }

export const port = z.union([bondPort, ethernetPort])

export const address = z.strictObject({
  ...block,
  id: z.uuid(),
  address: z.union([z.ipv4(), z.ipv6()]),
  address_family: z.union([z.literal(4), z.literal(6)]),
  gateway: z.string(),
  public: z.boolean(),
  management: z.boolean(),
  manageable: z.boolean(),
  enabled: z.boolean(),
  global_ip: z.boolean(),
  type: z.literal('IPAssignment'),
  /** Absent for an address of a global reservation. */
  metro: metro.optional(),
  assigned_to: href,
  parent_block: z.strictObject(block),
  created_at: time,
})

export const device = z.strictObject({
  href: z.string().startsWith('/metal/v1/devices/'),
  id: z.uuid(),
  short_id: z.string().regex(/^[0-9a-f]{8}$/),
  hostname: z.string().regex(/^[a-zA-Z0-9.-]+$/),
  description: z.string().nullable(),
  state: z.enum([
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
  ]),
  tags: z.array(z.string()),
  image_url: z.null(),
  billing_cycle: z.enum(['hourly', 'daily', 'monthly', 'yearly']),
  user: z.string(),
  iqn: z.string().startsWith('iqn.'),
  locked: z.boolean(),
  network_frozen: z.boolean(),
  bonding_mode: z.int(),
  created_at: time,
  updated_at: time,
  created_by: z.strictObject({ href: z.string(), id: z.uuid(), short_id: z.string() }),
  ipxe_script_url: z.url().nullable(),
  always_pxe: z.boolean(),
  storage: z.null(),
  customdata: z.record(z.string(), z.unknown()),
  operating_system: operatingSystem,
  facility,
  metro,
  project: href,
  project_lite: href,
  ssh_keys: z.array(href),
  volumes: z.array(z.never()),
  ip_addresses: z.array(address),
  network_ports: z.tuple([bondPort, ethernetPort], ethernetPort),
  plan,
  userdata: z.string(),
  switch_uuid: z.string(),
  provisioning_events: z.array(z.union([event, pendingEvent])).length(10),
  provisioning_percentage: z.number().min(0).max(100).optional(),
  hardware_reservation: href.optional(),
  spot_instance: z.boolean(),
  root_password: z.string().min(12).optional(),
  rack_release: z.strictObject({ machine: z.string(), trouble: z.string().nullable() }).optional(),
  spot_price_max: z.number().optional(),
  termination_time: time.optional(),
  actions: z.array(z.strictObject({ type: z.string(), name: z.string() })),
  sos: z.string().min(1),
})

/** Relative to the API: packngo appends it to its base URL. */
const pageLink = z.strictObject({ href: z.string().regex(/^\/(?!metal)/) })

export const meta = z.strictObject({
  self: pageLink,
  first: pageLink,
  last: pageLink,
  previous: pageLink.nullable(),
  next: pageLink.nullable(),
  total: z.int(),
  current_page: z.int().min(1),
  last_page: z.int().min(1),
})

export const deviceList = z.strictObject({ devices: z.array(device), meta })
export const eventList = z.strictObject({ events: z.array(event), meta })

export const sshKey = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  label: z.string(),
  key: z.string(),
  fingerprint: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){15}$/),
  tags: z.array(z.string()),
  entity: href,
  owner: href,
  created_at: time,
  updated_at: time,
})

export const user = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  short_id: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  full_name: z.string(),
  email: z.email(),
  phone_number: z.string(),
  customdata: z.record(z.string(), z.unknown()),
  timezone: z.string(),
  two_factor_auth: z.string(),
  default_organization_id: z.uuid(),
  default_project_id: z.uuid(),
  max_projects: z.int(),
  emails: z.array(href),
  projects: z.array(href),
  memberships: z.array(href),
  created_at: time,
  updated_at: time,
})

export const project = z.strictObject({
  href: z.string(),
  id: z.uuid(),
  name: z.string(),
  type: z.literal('default'),
  customdata: z.record(z.string(), z.unknown()),
  tags: z.array(z.string()),
  payment_method: href,
  backend_transfer_enabled: z.boolean(),
  devices: z.array(href),
  members: z.array(href),
  memberships: z.array(href),
  invitations: z.array(z.never()),
  volumes: z.array(z.never()),
  ssh_keys: z.array(href),
  organization: z.strictObject({ href: z.string(), id: z.uuid(), name: z.string() }),
  created_at: time,
  updated_at: time,
})
