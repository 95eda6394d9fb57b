// Makes sure before anything else that a BMC is the machine's own: a mistake in the file must not switch off another's, and neither
// must a cable or an address that has changed since.
import { type Clock, systemClock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { BootOverride, MachineIdentity, Power, PowerState } from './power.ts'

/** The machine that the power should belong to. */
interface Owner {
  name: string
  macs: readonly string[]
  uuid?: string | undefined
  boot: RackMachine['boot']
}

/** Why it is another machine's, as a clause; undefined if nothing says so. */
export function findStranger(
  { macs, uuid }: Pick<Owner, 'macs' | 'uuid'>,
  identity: MachineIdentity,
): string | undefined {
  if (uuid !== undefined && identity.uuids.length > 0) {
    return identity.uuids.includes(uuid) ? undefined : `it shows the UUID ${identity.uuids.join(' or ')}, not ${uuid}`
  }
  if (identity.macs.length === 0 || identity.macs.some((mac) => macs.includes(mac))) return undefined
  return `it shows the MAC addresses ${identity.macs.join(', ')}, and not ${macs.join(' or ')}`
}

/** Why it is another BMC than the one that a device's machine had, as a clause; undefined if nothing says so. */
function findChange(before: MachineIdentity | undefined, now: MachineIdentity): string | undefined {
  for (const [what, key] of [
    ['UUID', 'uuids'],
    ['MAC addresses', 'macs'],
  ] as const) {
    const [old = [], shown] = [before?.[key], now[key]]
    if (old.length === 0 || shown.length === 0) continue
    if (shown.some((id) => old.includes(id))) return undefined
    return `it shows the ${what} ${shown.join(' or ')}, and showed ${old.join(' or ')} before`
  }
  return undefined
}

/** How the owner is checked. */
export interface CheckTools {
  clock?: Clock
  /** Whose BMC it was when the machine's device took it. */
  known?: (() => MachineIdentity | undefined) | undefined
}

/** A check holds this long, unless the BMC fails to answer meanwhile: reading all network cards of a machine can take seconds. */
const holdsMs = 10_000

/**
 * A power that says and does something only after its owner was checked: "off" of another machine means nothing. It is checked again
 * before each action, and before "off" is believed.
 */
export class CheckedPower implements Power {
  readonly isStatusOld: boolean
  readonly #power: Power
  readonly #owner: Owner
  readonly #clock: Clock
  readonly #known: () => MachineIdentity | undefined
  #checkedMs = Number.NEGATIVE_INFINITY
  #wasChecked = false
  #stranger: string | undefined
  readonly softOff?: (signal: AbortSignal) => Promise<void>
  readonly reset?: (signal: AbortSignal) => Promise<void>
  readonly claim?: (device: string, signal: AbortSignal) => Promise<void>
  readonly free?: (device: string, signal: AbortSignal) => Promise<void>

  constructor(power: Power, owner: Owner, { clock = systemClock, known = () => undefined }: CheckTools = {}) {
    this.#power = power
    this.#owner = owner
    this.#clock = clock
    this.#known = known
    this.isStatusOld = power.isStatusOld ?? false
    if (power.claim !== undefined) {
      this.claim = async (device, signal) => await this.#act(signal, async () => await power.claim?.(device, signal))
    }
    if (power.free !== undefined) this.free = async (device, signal) => await power.free?.(device, signal)
    if (power.reset !== undefined) {
      this.reset = async (signal) => await this.#act(signal, async () => await power.reset?.(signal))
    }
    if (power.softOff !== undefined) {
      this.softOff = async (signal) => await this.#act(signal, async () => await power.softOff?.(signal))
    }
  }

  async #check(signal: AbortSignal): Promise<void> {
    if (this.#clock.monotonicMs() - this.#checkedMs < holdsMs) return
    const { name } = this.#owner
    const identity = await this.#power.identify(signal)
    const stranger = findStranger(this.#owner, identity)
    const change = findChange(this.#known(), identity)
    this.#stranger = undefined
    if (stranger !== undefined || change !== undefined) {
      const what = `the BMC of "${name}" belongs to another machine: ${stranger ?? change}`
      const hint =
        stranger === undefined
          ? `connect the BMC of "${name}" again; if it was replaced, run metalkit rack release ${name}`
          : `correct power, macs or uuid of "${name}" in the rack file`
      this.#stranger = `${what}; ${hint}`
      throw new BmcError('other-machine', what, { hint })
    }
    this.#wasChecked = true
    this.#checkedMs = this.#clock.monotonicMs()
  }

  get stranger(): string | undefined {
    return this.#stranger
  }

  /** After a failure, the next answer may be another BMC's. */
  async #heed<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } catch (error) {
      this.#checkedMs = Number.NEGATIVE_INFINITY
      throw error
    }
  }

  async #act<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    await this.#check(signal)
    return await this.#heed(action)
  }

  async status(signal: AbortSignal): Promise<PowerState> {
    if (!this.#wasChecked || this.#stranger !== undefined) await this.#check(signal)
    const seen = await this.#heed(async () => await this.#power.status(signal))
    if (seen !== 'on') await this.#check(signal)
    return seen
  }

  async identify(signal: AbortSignal): Promise<MachineIdentity> {
    return await this.#power.identify(signal)
  }

  async on(signal: AbortSignal): Promise<void> {
    await this.#act(signal, async () => await this.#power.on(signal))
  }

  async off(signal: AbortSignal): Promise<void> {
    await this.#act(signal, async () => await this.#power.off(signal))
    // It may have taken long.
    await this.#check(signal)
  }

  async bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride> {
    if (this.#owner.boot === 'order') return { persistent: false }
    return await this.#act(signal, async () => await this.#power.bootFromNetworkOnce(signal))
  }

  async clearBoot(signal: AbortSignal): Promise<void> {
    if (this.#owner.boot === 'order') return
    await this.#act(signal, async () => await this.#power.clearBoot(signal))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#power[Symbol.asyncDispose]()
  }
}
