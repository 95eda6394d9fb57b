// The steps of a network boot, and for a machine that stopped, the usual cause.
import type { BootClient } from './boot-client.ts'

/** Something that network boot observed about a machine, or did for it. */
export type Step = {
  mac: string
  /** Milliseconds since 1970. */
  at: number
} & StepKind

type StepKind =
  /** It asked for an address. */
  | { kind: 'discover'; client: BootClient }
  /** It was told to load a file: its script if the client is iPXE. */
  | { kind: 'offer'; client: BootClient; file: string }
  /** It accepted an address from a DHCP server. */
  | { kind: 'request'; client: BootClient; server: string }
  /** It began to load a file. */
  | { kind: 'transfer'; file: string; protocol: 'TFTP' | 'HTTP' }
  /** It has the whole file. */
  | { kind: 'sent'; file: string; protocol: 'TFTP' | 'HTTP' }
  /** The transfer ended early. */
  | { kind: 'broken'; file: string; why: string }
  /** Its request was refused. */
  | { kind: 'refused'; why: string }

const clientNames: Readonly<Record<BootClient['stage'], string>> = {
  pxe: 'PXE',
  http: 'UEFI HTTP Boot',
  ipxe: 'iPXE',
  system: 'a system without PXE',
}

function describeClient({ stage, name }: BootClient): string {
  return stage === 'system' ? clientNames.system : `${clientNames[stage]} on ${name}`
}

/** Describes a step: `DHCP request from PXE on BIOS`. */
export function describeNetbootStep(step: Step): string {
  switch (step.kind) {
    case 'discover':
      return `DHCP request from ${describeClient(step.client)}`
    case 'offer':
      return `${describeClient(step.client)} is offered ${step.client.stage === 'ipxe' ? 'its script' : step.file}`
    case 'request':
      return `${describeClient(step.client)} accepts an address from the DHCP server ${step.server}`
    case 'transfer':
      return `loads ${step.file} over ${step.protocol}`
    case 'sent':
      return `has ${step.file}`
    case 'broken':
      return `lost ${step.file}: ${step.why}`
    case 'refused':
      return `gets nothing: ${step.why}`
    default:
      return step satisfies never
  }
}

/** Where a machine stopped. Each is one clause. */
export interface BootStop {
  /** The last thing that is known to have worked. */
  reached: string
  /** The step that did not follow. */
  missing: string
  /** The usual cause, and its remedy. */
  cause: string
}

const routerCure =
  'the firmware may ignore an offer that does not come from the DHCP server itself: set the boot file in your router (docs/rack.md, "Options for your router")'

/** Where a machine stopped whose iPXE asked for an address. */
function stopOfIpxe(steps: readonly Step[]): BootStop {
  const accepted = steps.some((step) => step.kind === 'request' && step.client.stage === 'ipxe')
  if (!accepted) {
    return {
      reached: 'iPXE runs',
      missing: 'no DHCP server gave it an address',
      cause: 'the DHCP server of the network is off, out of addresses, or rejects the MAC',
    }
  }
  return {
    reached: 'iPXE runs and has an address',
    missing: 'it did not fetch the script',
    cause: "a firewall on this computer blocks the script's port, or the router names another boot file",
  }
}

/**
 * Explains where a machine stopped that should have booted over the network but never fetched its script.
 * @param steps the steps since it was switched on, oldest first
 */
export function explainStop(steps: readonly Step[]): BootStop {
  const has = (kind: Step['kind']) => steps.some((step) => step.kind === kind)
  const discovers = steps.filter((step) => step.kind === 'discover')
  const offers = steps.filter((step) => step.kind === 'offer')
  const lastRefusal = steps.findLast((step) => step.kind === 'refused')
  const lastBreak = steps.findLast((step) => step.kind === 'broken')
  if (discovers.some(({ client }) => client.stage === 'ipxe')) return stopOfIpxe(steps)
  if (has('sent')) {
    return {
      reached: 'iPXE was loaded',
      missing: 'it did not start',
      cause:
        'Secure Boot rejects iPXE, or iPXE does not know the network card: switch Secure Boot off, and use undionly.kpxe or snponly.efi, which use the driver of the firmware',
    }
  }
  if (lastBreak !== undefined) {
    return {
      reached: `the machine began to load ${lastBreak.file}`,
      missing: `the transfer did not end (${lastBreak.why})`,
      cause: 'a firewall on this computer blocks TFTP, whose answers come from a port above 1023',
    }
  }
  if (lastRefusal !== undefined) {
    return {
      reached: 'the machine asked for network boot',
      missing: `it got no file: ${lastRefusal.why}`,
      cause: 'the binaries in the rack file do not fit the machine',
    }
  }
  if (offers.length > 0 || has('transfer')) {
    const accepted = has('request')
    return {
      reached: 'the firmware was offered iPXE',
      missing: accepted ? 'it did not load it' : 'it accepted no address',
      cause: accepted
        ? `a firewall blocks UDP ports 69 and 4011, or ${routerCure}`
        : `no DHCP server answered it, or ${routerCure}`,
    }
  }
  if (discovers.some(({ client }) => client.stage !== 'system')) {
    return {
      reached: 'the firmware asked for network boot',
      missing: 'this rack does not answer (dhcp: none), and no file was asked for',
      cause: 'the router does not name the boot file: set it (docs/rack.md, "Options for your router")',
    }
  }
  if (discovers.length > 0) {
    return {
      reached: 'a system on the machine asked for an address',
      missing: 'its firmware did not ask for network boot',
      cause:
        'the machine booted its disk: put network boot first in the setup of its firmware, or check that the BMC sets the boot device',
    }
  }
  return {
    reached: 'the machine was switched on',
    missing: 'it sent no DHCP request',
    cause:
      'network boot is off in the setup of its firmware, the MAC in the file is that of another port, or the port is on another network or still blocked by spanning tree (use portfast)',
  }
}
