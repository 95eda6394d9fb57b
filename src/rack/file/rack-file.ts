// The rack file: the network, the plans, and the machines. JSON or YAML, without secrets.
import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { UsageError } from '../../errors.ts'
import { describeCondition } from '../../text/system-error.ts'
import { plainText } from '../../text/plain-text.ts'
import { complain, describeIssues } from './complaints.ts'
import { type ConsoleSettings, console } from './console-settings.ts'
import { findConflicts } from './conflicts.ts'
import { choice, delegate, hostIpv4, mac, section, slug, subnetAddress, uuid, word } from './fields.ts'
import { fleet, type FleetSettings } from './ironic-settings.ts'
import { power, type PowerSettings } from './power-settings.ts'
import { isUrl, machineWipe, wipe, type WipeSettings } from './wipe-settings.ts'

const path = word('the path of a file')

const network = section('a section with address and dhcp', {
  address: hostIpv4,
  dhcp: choice('proxy', 'none').default('proxy'),
})

const builds = { bios: path.optional(), uefi: path.optional(), uefiArm64: path.optional() }

const binaries = section('a section with bios, uefi, uefiArm64 and disc', {
  ...builds,
  disc: section('a section with bios, uefi and uefiArm64', builds).default({}),
})

const plan = section('a section with cpu and memory', {
  cpu: word('a text such as "Intel i5-7260U, 4 threads"').optional(),
  memory: word('a text such as "16 GB"').optional(),
})

const fixedAddress = section('a section with address, gateway and dns', {
  address: subnetAddress,
  gateway: hostIpv4.optional(),
  dns: hostIpv4.optional(),
})

const machine = section('a section with name, plan, macs, firmware and power', {
  name: word('a host name in small letters, such as r1', /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  plan: word('the slug of a plan', slug),
  macs: z.array(mac, { error: 'a list of MAC addresses' }).min(1, { error: 'a list of at least one MAC address' }),
  uuid: uuid.optional(),
  firmware: choice('bios', 'uefi'),
  arch: choice('x86_64', 'aarch64').default('x86_64'),
  boot: choice('pxe', 'http', 'media', 'order').default('pxe'),
  fixed: fixedAddress.optional(),
  diskBoot: choice('nothing', 'exit', 'sanboot').default('nothing'),
  power: power.optional(),
  console: console.optional(),
  shutdown: z
    .int({ error: 'a number of seconds from 1 to 3600' })
    .min(1, { error: 'a number of seconds from 1 to 3600' })
    .max(3600, { error: 'a number of seconds from 1 to 3600' })
    .optional(),
  tty: word('the name of a serial console in Linux, such as ttyS1', /^tty[A-Za-z]+\d{1,3}$/).optional(),
  wipe: machineWipe.optional(),
  inUse: z.boolean({ error: 'true or false' }).default(false),
})

/** One machine, or all of a class of Ironic. */
const machineOrFleet = z
  .unknown()
  .transform((input, context): z.infer<typeof machine> | FleetSettings =>
    isSection(input) && 'ironic' in input
      ? delegate<FleetSettings>(fleet, input, context)
      : delegate<z.infer<typeof machine>>(machine, input, context),
  )

const rack = section('a file with network, plans and machines', {
  metro: word('a code of letters and digits, such as home', /^[a-z0-9]{2,16}$/).default('home'),
  network,
  ipxe: binaries.default({ disc: {} }),
  wipe: wipe.optional(),
  plans: z
    .record(word('a slug such as nuc.small', slug), plan, { error: 'a section of plans, each with cpu and memory' })
    .default({}),
  machines: z
    .array(machineOrFleet, { error: 'a list of machines' })
    .min(1, { error: 'a list of at least one machine' }),
})

/** An address that a machine has without a DHCP server. */
export interface FixedAddress {
  address: { ip: string; mask: string }
  gateway?: string | undefined
  dns?: string | undefined
}

/** Paths of builds of iPXE. */
type Builds = Partial<Record<'bios' | 'uefi' | 'uefiArm64', string | undefined>>

/** A machine as the rack's file describes it. */
export interface RackMachine {
  name: string
  plan: string
  /** In small letters with colons. */
  macs: string[]
  uuid?: string | undefined
  firmware: 'bios' | 'uefi'
  arch: 'x86_64' | 'aarch64'
  /**
   * `pxe` and `http`: the BMC is told to use this for the next boot; `media`: the BMC inserts the rack's image as a CD, and is told to
   * boot from that; `order`: the network is first in the machine's own boot order.
   */
  boot: 'pxe' | 'http' | 'media' | 'order'
  /** The address of a machine that boots from the disc without a DHCP server. */
  fixed?: FixedAddress | undefined
  /** The answer to a machine that asks for network boot while its device boots the disk; absent is `nothing`. */
  diskBoot?: 'nothing' | 'exit' | 'sanboot' | undefined
  /** How many seconds its system may take to shut down before its power is cut; if undefined, it is cut at once. */
  shutdown?: number | undefined
  /** Absent only for a machine in use. */
  power?: PowerSettings | undefined
  console?: ConsoleSettings | undefined
  /** The serial console's name in Linux, if the file names it. */
  tty?: string | undefined
  /** What empties it before another device gets it; absent if nothing does. */
  wipe?: WipeSettings | undefined
  /** Somebody else uses it; it is never touched. */
  inUse: boolean
}

/** The rack's file, checked. */
export interface RackFile {
  /** The folder of the file, which relative paths start from. */
  folder: string
  metro: string
  network: { address: string; dhcp: 'proxy' | 'none' }
  /** iPXE for each firmware, and for the disc of `boot: media`, as absolute paths; if undefined, the distribution's. */
  ipxe: Builds & { disc: Builds }
  /** What empties machines that have no `wipe` of their own. */
  wipe?: WipeSettings | undefined
  plans: Record<string, { cpu?: string | undefined; memory?: string | undefined }>
  machines: RackMachine[]
  /** Machines that Ironic has to tell. */
  fleets: FleetSettings[]
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A single class of machines may stand in the place of the list. */
function listMachines(document: unknown): unknown {
  if (!isSection(document) || !('machines' in document) || !isSection(document.machines)) return document
  return { ...document, machines: [document.machines] }
}

/** The document in a text. @throws UsageError that names the line, and quotes nothing */
function parseDocument(file: string, content: string): unknown {
  try {
    // A warning would print a line of the file, which may contain a password.
    return parse(content, { logLevel: 'error' })
  } catch (error) {
    const [at] = error instanceof YAMLParseError ? (error.linePos ?? []) : []
    const why = error instanceof YAMLParseError ? error.code.toLowerCase().replaceAll('_', ' ') : 'it is malformed'
    const where = at === undefined ? '' : `line ${at.line}, column ${at.col}: `
    throw new UsageError(`the rack file "${plainText(file)}" is neither YAML nor JSON: ${where}${why}`, {
      hint: 'examples/rack-ipmi.yaml is a complete one',
    })
  }
}

/** Checks the text of a rack's file. @throws UsageError for a mistake, an AggregateError of them for several */
export function parseRackFile(file: string, content: string): RackFile {
  const document = listMachines(parseDocument(file, content))
  const result = rack.safeParse(document ?? {})
  if (!result.success) throw complain(file, describeIssues(document, result.error.issues))
  const folder = dirname(resolve(file))
  const absolute = (name: string | undefined) => (name === undefined || isAbsolute(name) ? name : join(folder, name))
  const absoluteBuilds = ({ bios, uefi, uefiArm64 }: Builds): Builds => ({
    bios: absolute(bios),
    uefi: absolute(uefi),
    uefiArm64: absolute(uefiArm64),
  })
  const placed = (settings: WipeSettings | false | undefined): WipeSettings | undefined => {
    if (settings === undefined || settings === false) return undefined
    const { script } = settings
    return { ...settings, script: isUrl(script) ? script : resolve(folder, script) }
  }
  const { ipxe, machines: entries, wipe: common, ...rest } = result.data
  const fleets = entries.flatMap((entry) => ('service' in entry ? [entry] : []))
  const machines = entries.flatMap((entry) => ('service' in entry ? [] : [entry]))
  const checked: RackFile = {
    ...rest,
    folder,
    ipxe: { ...absoluteBuilds(ipxe), disc: absoluteBuilds(ipxe.disc) },
    wipe: placed(common),
    machines: machines.map((entry) => ({
      ...entry,
      wipe: placed(entry.wipe ?? common),
      console: entry.console ?? (entry.power?.kind === 'ironic' ? { kind: 'ironic' } : undefined),
    })),
    fleets,
  }
  checkRackFile(file, checked)
  return checked
}

/** Looks for mistakes that involve several machines. @throws UsageError for a mistake, an AggregateError of them for several */
export function checkRackFile(file: string, checked: RackFile): void {
  const conflicts = findConflicts(checked)
  if (conflicts.length > 0) throw complain(file, conflicts)
}

/** Reads a rack's file. @throws UsageError for a mistake, an AggregateError of them for several */
export async function readRackFile(file: string): Promise<RackFile> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`the rack file "${plainText(file)}" cannot be read: ${describeCondition(error)}`, {
      hint: 'examples/rack-ipmi.yaml is one to start from',
    })
  }
  return parseRackFile(file, content)
}
