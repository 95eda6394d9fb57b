// Makes sure before anything else that a BMC is the machine's own: a mistake in the file must not switch off another's.
import { BmcError } from '../bmc/bmc-error.ts'
import type { BootOverride, Identity, Power, PowerState } from './power.ts'

/** The machine that the power should belong to. */
interface Owner {
  name: string
  macs: readonly string[]
  uuid?: string | undefined
  boot: 'pxe' | 'http' | 'order'
}

/** Why it is another machine's, as a clause; undefined if nothing says so. */
export function findStranger({ macs, uuid }: Pick<Owner, 'macs' | 'uuid'>, identity: Identity): string | undefined {
  if (uuid !== undefined && identity.uuids.length > 0) {
    return identity.uuids.includes(uuid) ? undefined : `it shows the UUID ${identity.uuids.join(' or ')}, not ${uuid}`
  }
  if (identity.macs.length === 0 || identity.macs.some((mac) => macs.includes(mac))) return undefined
  return `it shows the MAC addresses ${identity.macs.join(', ')}, and not ${macs.join(' or ')}`
}

/** A power that says and does something only after its owner was checked: "off" of another machine means nothing. */
export class CheckedPower implements Power {
  readonly isStatusOld: boolean
  readonly #power: Power
  readonly #owner: Owner
  #isChecked = false
  readonly softOff?: (signal: AbortSignal) => Promise<void>
  readonly reset?: (signal: AbortSignal) => Promise<void>
  readonly claim?: (device: string, signal: AbortSignal) => Promise<void>
  readonly free?: (device: string, signal: AbortSignal) => Promise<void>

  constructor(power: Power, owner: Owner) {
    this.#power = power
    this.#owner = owner
    this.isStatusOld = power.isStatusOld ?? false
    if (power.claim !== undefined) {
      this.claim = async (device, signal) => {
        await this.#check(signal)
        await power.claim?.(device, signal)
      }
    }
    if (power.free !== undefined) this.free = async (device, signal) => await power.free?.(device, signal)
    if (power.reset !== undefined) {
      this.reset = async (signal) => {
        await this.#check(signal)
        await power.reset?.(signal)
      }
    }
    if (power.softOff !== undefined) {
      this.softOff = async (signal) => {
        await this.#check(signal)
        await power.softOff?.(signal)
      }
    }
  }

  async #check(signal: AbortSignal): Promise<void> {
    if (this.#isChecked) return
    const { name } = this.#owner
    const stranger = findStranger(this.#owner, await this.#power.identify(signal))
    if (stranger !== undefined) {
      throw new BmcError('other-machine', `the BMC of "${name}" belongs to another machine: ${stranger}`, {
        hint: `correct power, macs or uuid of "${name}" in the rack file`,
      })
    }
    this.#isChecked = true
  }

  async status(signal: AbortSignal): Promise<PowerState> {
    await this.#check(signal)
    return await this.#power.status(signal)
  }

  async identify(signal: AbortSignal): Promise<Identity> {
    return await this.#power.identify(signal)
  }

  async on(signal: AbortSignal): Promise<void> {
    await this.#check(signal)
    await this.#power.on(signal)
  }

  async off(signal: AbortSignal): Promise<void> {
    await this.#check(signal)
    await this.#power.off(signal)
  }

  async bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride> {
    if (this.#owner.boot === 'order') return { persistent: false }
    await this.#check(signal)
    return await this.#power.bootFromNetworkOnce(signal)
  }

  async clearBoot(signal: AbortSignal): Promise<void> {
    if (this.#owner.boot === 'order') return
    await this.#check(signal)
    await this.#power.clearBoot(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#power[Symbol.asyncDispose]()
  }
}
