// Checks a machine without changing anything: the identity that its BMC shows, its power, the login, and its console.
import { access } from 'node:fs/promises'
import { constants } from 'node:fs'
import { formatAddress } from '../../address.ts'
import { describeCondition } from '../../text/system-error.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { Ipmi } from '../bmc/ipmitool.ts'
import type { MachineIdentity } from '../power/power.ts'
import type { IpmiSettings } from '../file/power-settings.ts'
import type { RackMachine } from '../file/rack-file.ts'
import { findStranger } from '../power/checked.ts'
import { createPower, type PowerTools } from '../power/create-power.ts'
import { showCertificate } from '../bmc/pinned-tls.ts'

/** A fact, and what to do about it, if anything. */
export interface RackFinding {
  detail: string
  hint?: string
}

function describeIdentity({ uuids, macs }: MachineIdentity, { uuid }: RackMachine): string {
  const shown = uuids.find((form) => form === uuid) ?? uuids[0]
  const parts = [
    ...(shown === undefined ? [] : [`UUID ${shown}`]),
    ...(macs.length === 0 ? [] : [`MACs ${macs.join(', ')}`]),
  ]
  return parts.length === 0 ? 'its BMC shows neither UUID nor MACs' : parts.join(', ')
}

/** The login of a machine's Serial-over-LAN. */
function solOf({ console, power }: RackMachine): IpmiSettings | undefined {
  if (console?.kind !== 'sol') return undefined
  return console.bmc ?? (power?.kind === 'ipmi' ? power : undefined)
}

/** How the BMC is logged in to: its cipher suite, or its certificate. */
async function describeLogin(
  machine: RackMachine,
  tools: PowerTools,
  signal: AbortSignal,
): Promise<RackFinding | undefined> {
  const { name, power } = machine
  if (power?.kind === 'ipmi') {
    const ipmi = new Ipmi(power, { machine: name, secrets: tools.secrets })
    await ipmi.run(['chassis', 'power', 'status'], signal)
    return { detail: `IPMI cipher suite ${ipmi.cipher}` }
  }
  if (power?.kind !== 'redfish') return undefined
  const seen = await showCertificate(power.url, signal)
  if (power.certificate !== undefined) return { detail: 'certificate as pinned' }
  return { detail: `certificate ${seen}`, hint: `to pin it, write certificate: ${seen}` }
}

/** Looks at a machine's power. @throws BmcError or UsageError with the reason if that is not possible */
export async function checkPower(machine: RackMachine, tools: PowerTools, signal: AbortSignal): Promise<RackFinding> {
  const { name, power: settings } = machine
  if (settings?.kind === 'wake' || settings?.kind === 'by-hand') {
    return { detail: 'power: a person switches it, so nothing can be asked' }
  }
  const login = await describeLogin(machine, tools, signal)
  await using power = createPower(machine, tools)
  const identity = await power.identify(signal)
  const stranger = findStranger(machine, identity)
  if (stranger !== undefined) {
    throw new BmcError('other-machine', `the BMC of "${name}" belongs to another machine: ${stranger}`, {
      hint: `correct power, macs or uuid of "${name}" in the rack file`,
    })
  }
  const state = await power.status(signal)
  const words = state === 'unknown' ? 'it does not say whether the machine is on' : `the machine is ${state}`
  const who = settings?.kind === 'commands' ? undefined : describeIdentity(identity, machine)
  const detail = `power: ${[words, who, login?.detail].filter((part) => part !== undefined).join('; ')}`
  const hint =
    login?.hint ??
    (state === 'on'
      ? `if none of the rack's devices has it, it is refused until metalkit rack release ${name}`
      : undefined)
  return { detail, ...(hint === undefined ? {} : { hint }) }
}

/** Looks at a machine's console. @throws BmcError or UsageError with the reason if that is not possible */
export async function checkMachineConsole(
  machine: RackMachine,
  tools: PowerTools,
  signal: AbortSignal,
): Promise<RackFinding> {
  const { name, console } = machine
  switch (console?.kind) {
    case undefined:
      return {
        detail: 'console: none in the rack file',
        hint: 'without a console a client sees nothing of the machine',
      }
    case 'sol': {
      const settings = solOf(machine)
      if (settings === undefined) return { detail: 'console: Serial-over-LAN' }
      const info = await new Ipmi(settings, { machine: name, secrets: tools.secrets }).run(['sol', 'info'], signal)
      const isOn = /^Enabled\s*:\s*true/im.test(info)
      const speed = /^Volatile Bit Rate \(kbps\)\s*:\s*(\S+)/im.exec(info)?.[1]
      if (isOn) return { detail: `console: Serial-over-LAN is on${speed === undefined ? '' : `, ${speed} kbit/s`}` }
      return {
        detail: 'console: Serial-over-LAN is off',
        hint: 'switch it on in the web page of the BMC, or with ipmitool sol set enabled true',
      }
    }
    case 'device':
      try {
        await access(console.path, constants.R_OK | constants.W_OK)
        return { detail: `console: ${console.path}, ${console.speed} baud` }
      } catch (error) {
        return {
          detail: `console: cannot use ${console.path}: ${describeCondition(error)}`,
          hint: 'connect the adapter, or add this user to the group dialout',
        }
      }
    case 'tcp':
      return { detail: `console: ${formatAddress(console.address)}, not tried: it could end another session` }
    case 'ironic':
      return { detail: 'console: through Ironic, not tried: it could end another session' }
    case 'ssh':
      return { detail: `console: ssh ${console.user}@${formatAddress(console.address)}, not tried` }
    default:
      return { detail: 'console: not tried' }
  }
}
