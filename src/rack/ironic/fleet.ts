// All nodes of a resource class of Ironic as machines of the rack.
import { z } from 'zod'
import type { Reporter } from '../../io.ts'
import { plainText } from '../../text/plain-text.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { FleetSettings } from '../file/ironic-settings.ts'
import type { RackFile, RackMachine } from '../file/rack-file.ts'
import type { IronicClient } from './client.ts'

/** More pages are not read: a service that repeats itself must not hold the rack up for ever. */
const maxPages = 1000

/** `a:b,c:d`, or an object. */
const capabilities = z.union([
  z
    .string()
    .transform((text) => new Map(text.split(',').map((pair) => [pair.split(':')[0]?.trim(), pair.split(':')[1]]))),
  z
    .record(z.string(), z.unknown())
    .transform((map) => new Map(Object.entries(map).map(([key, value]) => [key, String(value)]))),
])

const number = z.coerce.number().positive().optional().catch(undefined)

const nodeSchema = z.looseObject({
  uuid: z.string(),
  name: z.string().nullish().catch(undefined),
  boot_mode: z.string().nullish().catch(undefined),
  properties: z
    .looseObject({
      cpu_arch: z.string().optional().catch(undefined),
      cpus: number,
      memory_mb: number,
      capabilities: capabilities.optional().catch(undefined),
    })
    .catch({ cpu_arch: undefined, cpus: undefined, memory_mb: undefined, capabilities: undefined }),
})

const portSchema = z.looseObject({
  uuid: z.string(),
  address: z.string(),
  node_uuid: z.string().nullish().catch(undefined),
  pxe_enabled: z.boolean().catch(true),
})

type FleetNode = z.infer<typeof nodeSchema>

/** Reads a list to its end. */
async function readAll<T extends { uuid: string }>(
  client: IronicClient,
  list: 'nodes' | 'ports',
  query: Record<string, string>,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T[]> {
  const page = z.looseObject({ [list]: z.array(schema), next: z.string().optional().catch(undefined) })
  const items: T[] = []
  for (let pages = 0; pages < maxPages; pages++) {
    const last = items.at(-1)
    const params = new URLSearchParams({ ...query, ...(last === undefined ? {} : { marker: last.uuid }) })
    const answer = await client.read(`/${list}?${params.toString()}`, page, signal)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the schema of the page has it
    const more = (answer?.[list] ?? []) as T[]
    items.push(...more)
    if (answer?.['next'] === undefined || more.length === 0) return items
  }
  throw new BmcError('failed', `${client.name} has no end of its list of ${list}`)
}

const archs: Record<string, RackMachine['arch']> = {
  x86_64: 'x86_64',
  amd64: 'x86_64',
  aarch64: 'aarch64',
  arm64: 'aarch64',
}

/** A node's name as a machine may have it. */
function nameOf({ name, uuid }: FleetNode): string {
  const words = (name ?? '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return words.slice(0, 63).replaceAll(/^-|-$/g, '') || `node-${uuid.slice(0, 8)}`
}

/** The machine of a node, or why the node cannot be one. */
function toMachine(node: FleetNode, macs: string[], { service, plan, firmware }: FleetSettings): RackMachine | string {
  const { cpu_arch: archName = 'x86_64', capabilities: own } = node.properties
  const arch = archs[archName]
  if (arch === undefined) return `its cpu_arch is "${plainText(archName)}", not x86_64 or aarch64`
  if (macs.length === 0) return 'no port of it has a MAC address and PXE enabled'
  const mode = arch === 'aarch64' ? 'uefi' : (own?.get('boot_mode') ?? node.boot_mode)
  return {
    name: nameOf(node),
    plan,
    macs,
    firmware: mode === 'bios' || mode === 'uefi' ? mode : firmware,
    arch,
    boot: 'pxe',
    power: { kind: 'ironic', service, node: node.uuid },
    console: { kind: 'ironic' },
    tty: arch === 'aarch64' ? 'ttyAMA0' : 'ttyS0',
    inUse: false,
  }
}

/** The description of a node's plan. */
function specsOf({ properties: { cpus, memory_mb: memoryMib } }: FleetNode): { cpu?: string; memory?: string } {
  return {
    ...(cpus === undefined ? {} : { cpu: `${cpus} CPUs` }),
    ...(memoryMib === undefined ? {} : { memory: `${Math.round(memoryMib / 1024)} GB` }),
  }
}

/** The parts of a search for the machines of a fleet. */
export interface FleetTools {
  client: IronicClient
  report: Pick<Reporter, 'warn'>
  signal: AbortSignal
}

/**
 * The file with a fleet's machines, and its plan if the file has none of that slug. A node that the file has as a machine of its
 * own stays as it is there, and one that cannot boot from the network is left out with a warning.
 * @throws BmcError if Ironic does not tell them
 */
export async function addFleet(file: RackFile, fleet: FleetSettings, tools: FleetTools): Promise<RackFile> {
  const { client, report, signal } = tools
  const { resourceClass, plan } = fleet
  const query = { resource_class: resourceClass, fields: 'uuid,name,properties,boot_mode' }
  const nodes = await readAll(client, 'nodes', query, nodeSchema, signal)
  const ports = await readAll(client, 'ports', { fields: 'uuid,address,node_uuid,pxe_enabled' }, portSchema, signal)
  const ownNodes = new Set(file.machines.flatMap(({ power }) => (power?.kind === 'ironic' ? [power.node] : [])))
  const machines: RackMachine[] = []
  for (const node of nodes) {
    const macs = ports
      .filter(({ node_uuid: owner, pxe_enabled: isBootable }) => owner === node.uuid && isBootable)
      .map(({ address }) => address.toLowerCase())
      .filter((address) => /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(address))
    if (ownNodes.has(node.uuid) || ownNodes.has(node.name ?? '')) continue
    const machine = toMachine(node, macs, fleet)
    if (typeof machine === 'string')
      report.warn(`rack: the node "${plainText(node.name ?? node.uuid)}" of ${client.name} is left out: ${machine}`)
    else machines.push({ ...machine, wipe: file.wipe })
  }
  const [first] = nodes
  if (first === undefined) {
    report.warn(`rack: ${client.name} has no node of the resource class "${plainText(resourceClass)}"`)
  }
  const specs = first === undefined ? {} : specsOf(first)
  return { ...file, plans: { [plan]: specs, ...file.plans }, machines: [...file.machines, ...machines] }
}
