// The power of a machine, by what the rack's file says of it.
import type { Clock } from '../../clock.ts'
import type { Reporter } from '../../io.ts'
import { Ipmi } from '../bmc/ipmitool.ts'
import { RedfishClient } from '../bmc/redfish/client.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { SecretSources } from '../file/secret.ts'
import { IronicClient } from '../ironic/client.ts'
import { CheckedPower, type CheckTools } from './checked.ts'
import { CommandPower } from './commands.ts'
import { type Hands, HandPower } from './hands.ts'
import { IpmiPower } from './ipmi.ts'
import { IronicPower } from './ironic.ts'
import type { Power } from './power.ts'
import { RedfishPower } from './redfish.ts'

/** The parts of power besides a machine's description. */
export interface PowerTools {
  secrets: SecretSources
  clock: Clock
  report: Pick<Reporter, 'debug'>
  hands: Hands
  /** Whose BMC it was when the machine's device took it. */
  known?: CheckTools['known']
  /** This computer's address on the machines' LAN. */
  address: string
  /** The URL of the disc that `boot: media` inserts. */
  mediaUrl?: string | undefined
}

function createUnchecked(machine: RackMachine, tools: PowerTools): Power {
  const { name, power, firmware, boot, macs } = machine
  const { secrets, clock, report, hands, address, mediaUrl } = tools
  if (power === undefined) throw new Error(`${name} has no power`)
  switch (power.kind) {
    case 'ipmi': {
      const ipmi = new Ipmi(power, { machine: name, secrets })
      return new IpmiPower(ipmi, { efi: firmware === 'uefi' && power.efiBootFlag, clock })
    }
    case 'redfish': {
      const client = new RedfishClient(power, { machine: name, secrets, clock, report })
      return new RedfishPower(client, { system: power.system, firmware, boot, mediaUrl, clock })
    }
    case 'ironic': {
      const client = new IronicClient(power.service, { secrets, clock, report })
      return new IronicPower(client, { node: power.node, boot, clock })
    }
    case 'commands':
      return new CommandPower(power, { machine: name, secrets, clock })
    case 'wake':
      return new HandPower({ machine: name, hands, clock, waker: { macs, broadcast: power.broadcast, from: address } })
    case 'by-hand':
    default:
      return new HandPower({ machine: name, hands, clock })
  }
}

/** The power of a machine that is not in use; its owner is checked before it says or does anything. */
export function createPower(machine: RackMachine, tools: PowerTools): Power {
  return new CheckedPower(createUnchecked(machine, tools), machine, tools)
}
