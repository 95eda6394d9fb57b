// Mistakes in a rack file that involve several values: machines that share something unique, and unknown plans.
import { formatAddress } from '../../address.ts'
import type { RackFile, RackMachine } from './rack-file.ts'

/** The things that only one machine can have, as named in a message. */
function possessions(machine: RackMachine): string[] {
  const { name, macs, uuid, power, console } = machine
  const claims = [`the name "${name}"`, ...macs.map((mac) => `the MAC address "${mac}"`)]
  if (uuid !== undefined) claims.push(`the UUID "${uuid}"`)
  if (power?.kind === 'ipmi') claims.push(`the BMC "${formatAddress(power.address)}"`)
  if (power?.kind === 'redfish') {
    claims.push(`the BMC "${power.url}"${power.system === undefined ? '' : ` with the system "${power.system}"`}`)
  }
  if (machine.fixed !== undefined) claims.push(`the address "${machine.fixed.address.ip}"`)
  if (power?.kind === 'ironic') claims.push(`the node "${power.node}" of Ironic at "${power.service.url}"`)
  const sol = console?.kind === 'sol' ? (console.bmc ?? (power?.kind === 'ipmi' ? power : undefined)) : undefined
  if (sol !== undefined) claims.push(`the console "${formatAddress(sol.address)}"`)
  if (console?.kind === 'tcp') claims.push(`the console "${formatAddress(console.address)}"`)
  if (console?.kind === 'device') claims.push(`the console "${console.path}"`)
  if (console?.kind === 'ssh') {
    claims.push(`the console "${console.user}@${formatAddress(console.address)} ${console.entry ?? ''}`.trimEnd() + '"')
  }
  return claims
}

/** The contradictions within one machine, as clauses. */
function findContradictions({
  name,
  power,
  console,
  firmware,
  arch,
  boot,
  fixed,
  shutdown,
  inUse,
}: RackMachine): string[] {
  const clauses: string[] = []
  if (power === undefined && !inUse) {
    clauses.push(`power of the machine "${name}" is missing: only a machine with inUse: true needs none`)
  }
  if (console?.kind === 'sol' && console.bmc === undefined && power?.kind !== 'ipmi') {
    clauses.push(
      `console of the machine "${name}" is sol, but its power is not ipmi; write console: {sol: HOST, user: ..., password: ...}`,
    )
  }
  if (console?.kind === 'ironic' && power?.kind !== 'ironic') {
    clauses.push(`console of the machine "${name}" is ironic, but its power is not`)
  }
  if (arch === 'aarch64' && firmware === 'bios') {
    clauses.push(`firmware of the machine "${name}" is "bios", but machines of aarch64 have uefi`)
  }
  if (boot === 'http' && firmware === 'bios') {
    clauses.push(`boot of the machine "${name}" is "http", which only UEFI firmware supports; use pxe`)
  }
  if (boot === 'http' && power?.kind === 'ipmi') {
    clauses.push(
      `boot of the machine "${name}" is "http", which IPMI cannot express; use pxe, or power: {redfish: ...}`,
    )
  }
  if (boot === 'media' && power !== undefined && power.kind !== 'redfish') {
    clauses.push(
      `boot of the machine "${name}" is "media", which only Redfish can insert; use pxe, or power: {redfish: ...}`,
    )
  }
  if (fixed !== undefined && boot !== 'media') {
    clauses.push(
      `fixed of the machine "${name}" has no effect: only a machine with boot: media gets its address from the rack`,
    )
  }
  const cannotAsk = isByHand(power) || (power?.kind === 'commands' && power.softOff === undefined)
  if (shutdown !== undefined && cannotAsk) {
    clauses.push(
      `shutdown of the machine "${name}" has no effect: its power cannot ask a system to shut down; remove it, or add softOff to commands`,
    )
  }
  return clauses
}

function isByHand(power: RackMachine['power']): boolean {
  return power?.kind === 'wake' || power?.kind === 'by-hand'
}

/** All contradictions in the file, as clauses. */
export function findConflicts({ machines, plans }: RackFile): string[] {
  const clauses: string[] = []
  const owners = new Map<string, string>()
  for (const machine of machines) {
    const own = possessions(machine)
    for (const what of own) {
      const owner = owners.get(what)
      const others = owner === machine.name ? `appears twice` : `belongs to both "${owner}" and "${machine.name}"`
      if (owner !== undefined) clauses.push(`${what} ${others}`)
      owners.set(what, machine.name)
    }
    clauses.push(...findContradictions(machine))
  }
  const archs = new Map<string, RackMachine>()
  for (const machine of machines) {
    const { name, plan, arch } = machine
    if (!Object.hasOwn(plans, plan)) {
      const known = Object.keys(plans).join(', ') || 'empty'
      clauses.push(`plan of the machine "${name}" is "${plan}", which is not in plans (${known})`)
    }
    const first = archs.get(plan) ?? machine
    archs.set(plan, first)
    if (first.arch !== arch) {
      clauses.push(
        `the plan "${plan}" has machines of two architectures: "${first.name}" is ${first.arch}, "${name}" ${arch}`,
      )
    }
  }
  return clauses
}
