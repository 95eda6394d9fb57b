// Power over IPMI, through ipmitool.
import type { Clock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { Ipmi } from '../bmc/ipmitool.ts'
import type { BootOverride, MachineIdentity, Power, PowerState } from './power.ts'
import { switchPower } from './settle.ts'

interface IpmiPowerOptions {
  /** Sends the EFI flag with a boot override. */
  efi: boolean
  clock: Clock
}

/** Boot flags as Get System Boot Options has them (IPMI 2.0, 28.13). */
const bootFlagsParameter = 5
const pxeDevice = 1

/** The bytes that `ipmitool raw` prints. */
function parseBytes(output: string): number[] {
  return [...output.matchAll(/\b[0-9a-f]{2}\b/gi)].map(([digits]) => Number.parseInt(digits, 16))
}

function formatUuid(bytes: readonly number[]): string {
  const digits = Buffer.from(bytes).toString('hex')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/**
 * The UUIDs that a GUID of 16 bytes may stand for: IPMI has its bytes in reverse, SMBIOS the first three fields, and some BMCs
 * send them in the order of the text.
 */
export function uuidsOf(bytes: readonly number[]): string[] {
  // Boards without one have a constant.
  if (bytes.length !== 16 || new Set(bytes).size === 1) return []
  const smbios = [
    [3, 2, 1, 0],
    [5, 4],
    [7, 6],
    [8, 9, 10, 11, 12, 13, 14, 15],
  ]
    .flat()
    .map((at) => bytes[at] ?? 0)
  return [...new Set([bytes, bytes.toReversed(), smbios].map(formatUuid))]
}

/** Power through a BMC with IPMI. */
export class IpmiPower implements Power {
  readonly #ipmi: Ipmi
  readonly #options: IpmiPowerOptions

  constructor(ipmi: Ipmi, options: IpmiPowerOptions) {
    this.#ipmi = ipmi
    this.#options = options
  }

  async status(signal: AbortSignal): Promise<PowerState> {
    const output = await this.#ipmi.run(['chassis', 'power', 'status'], signal)
    const state = /Chassis Power is (on|off)\b/.exec(output)?.[1]
    if (state === 'on' || state === 'off') return state
    throw new BmcError('failed', `${this.#ipmi.name} does not say whether the machine is on`)
  }

  async on(signal: AbortSignal): Promise<void> {
    await this.#switch('on', signal)
  }

  async off(signal: AbortSignal): Promise<void> {
    await this.#switch('off', signal)
  }

  async #switch(want: 'on' | 'off', signal: AbortSignal): Promise<void> {
    const wanted = { name: this.#ipmi.name, want, power: this, clock: this.#options.clock, signal }
    await switchPower(wanted, () => this.#ipmi.run(['chassis', 'power', want], signal))
  }

  async softOff(signal: AbortSignal): Promise<void> {
    await this.#ipmi.run(['chassis', 'power', 'soft'], signal)
  }

  async reset(signal: AbortSignal): Promise<void> {
    await this.#ipmi.run(['chassis', 'power', 'reset'], signal)
  }

  async bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride> {
    // By default flags are forgotten after 60 s, sooner than some machines finish their self-test; some BMCs refuse this.
    await this.#ipmi.run(['raw', '0x00', '0x08', '0x03', '0x08'], signal).catch((error: unknown) => {
      if (!(error instanceof BmcError) || error.reason !== 'refused') throw error
    })
    const options = this.#options.efi ? ['options=efiboot'] : []
    await this.#ipmi.run(['chassis', 'bootdev', 'pxe', ...options], signal)
    const flags = await this.#readBootFlags(signal)
    if (flags.device !== pxeDevice) {
      throw new BmcError('failed', `${this.#ipmi.name} accepted network boot but does not have it set`, {
        hint: 'put the network first in the boot order of its firmware, and write boot: order',
      })
    }
    return { persistent: flags.persistent }
  }

  async clearBoot(signal: AbortSignal): Promise<void> {
    await this.#ipmi.run(['chassis', 'bootdev', 'none'], signal)
    const flags = await this.#readBootFlags(signal)
    if (flags.device === pxeDevice) {
      throw new BmcError('failed', `${this.#ipmi.name} accepted the end of network boot but still has it set`)
    }
  }

  /** The flags, whether or not they are marked valid: some BMCs mark flags invalid that they follow. */
  async #readBootFlags(signal: AbortSignal): Promise<{ device: number; persistent: boolean }> {
    const output = await this.#ipmi.run(['raw', '0x00', '0x09', String(bootFlagsParameter), '0x00', '0x00'], signal)
    const [, , first, second] = parseBytes(output)
    if (first === undefined || second === undefined) {
      throw new BmcError('failed', `${this.#ipmi.name} does not tell its boot flags`)
    }
    return { device: (second >> 2) & 0x0f, persistent: (first & 0x40) !== 0 }
  }

  async identify(signal: AbortSignal): Promise<MachineIdentity> {
    try {
      // Get System GUID
      return { macs: [], uuids: uuidsOf(parseBytes(await this.#ipmi.run(['raw', '0x06', '0x37'], signal))) }
    } catch (error) {
      if (error instanceof BmcError && error.reason === 'refused') return { macs: [], uuids: [] }
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
