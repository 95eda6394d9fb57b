// Which device has which machine. A device gets a machine only if nothing else can be using it, and gives it back only once it was seen off.
import { messageOf, RackError } from '../../errors.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { MachineIdentity, PowerState } from '../power/power.ts'
import type { RackMachine } from '../file/rack-file.ts'
import { type IdleMachines, refusalOfOn } from './idle-machines.ts'
import type { RackRecord, RackState } from './rack-state.ts'
import type { Switches } from './switches.ts'

/** The parts of holds. */
interface HoldParts {
  state: RackState
  switches: Switches
  idle: IdleMachines
}

/** The power of a machine, and whose BMC it is as long as its device has it. */
interface Look {
  seen: PowerState
  identity: MachineIdentity
}

/** The devices' holds on machines. */
export class Holds {
  readonly #parts: HoldParts

  constructor(parts: HoldParts) {
    this.#parts = parts
  }

  /** Makes a machine a device's, and sees it off. */
  async take(
    machine: RackMachine,
    deviceId: string,
    onStep: (text: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = machine
    const { state, switches, idle } = this.#parts
    const before = state.of(name)
    this.#refuseHeld(name, deviceId)
    // The question includes whose BMC it is.
    const { seen, identity } = await this.#lookAt(machine, before, signal)
    await this.#refuseStranger(machine, seen, before)
    // Another device may have taken it while its BMC was asked.
    this.#refuseHeld(name, deviceId)
    // On disk first: whatever happens from here on, the machine is this device's until it is seen to be off.
    await state.change(name, { holder: deviceId, identity })
    idle.takenBy(name, deviceId)
    await this.#claim(machine, deviceId, signal)
    if (seen !== 'off') {
      onStep(`${name}: ${seen === 'on' ? 'on' : 'perhaps on'}, so it is switched off first`)
      await switches.off(machine, signal)
    } else await switches.confirmOff(machine, signal)
    if (before.isReleased === true) await state.change(name, { isReleased: false })
    onStep(`${name}: off`)
  }

  #refuseHeld(name: string, deviceId: string): void {
    const { holder } = this.#parts.state.of(name)
    if (holder !== undefined && holder !== deviceId)
      throw new RackError(`the device ${holder} has the machine "${name}"`)
  }

  /** Asks for the state of a machine. If nobody can tell, no other device gets it either. */
  async #lookAt(machine: RackMachine, { holder, identity }: RackRecord, signal: AbortSignal): Promise<Look> {
    try {
      const seen = await this.#parts.switches.status(machine, signal)
      return { seen, identity: identity ?? (await this.#parts.switches.of(machine).identify(signal)) }
    } catch (error) {
      if (!signal.aborted && holder === undefined) this.#parts.idle.setAside(machine, messageOf(error))
      throw error
    }
  }

  /** A machine that runs without a device may be in use outside the rack. */
  async #refuseStranger({ name }: RackMachine, seen: PowerState, { holder, isReleased }: RackRecord): Promise<void> {
    if (seen === 'off' || holder !== undefined || isReleased === true) return
    const hint = `if it may be switched off and used, run metalkit rack release ${name}`
    if (seen === 'unknown') {
      throw new RackError(`nobody can tell whether the machine "${name}" is off, so it is not used`, { hint })
    }
    await this.#parts.idle.refuse(name, refusalOfOn(name))
    throw new RackError(`the machine "${name}" is on, and was off before: somebody has switched it on`, { hint })
  }

  /** Reserves a machine that other programs can take too. If one of them has it, no device of this rack does. */
  async #claim(machine: RackMachine, deviceId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.switches.of(machine).claim?.(deviceId, signal)
    } catch (error) {
      if (error instanceof BmcError && error.reason === 'taken') {
        await this.#parts.state.change(machine.name, { holder: undefined, identity: undefined })
        this.#parts.idle.setAside(machine, error.message)
      }
      throw error
    }
  }

  /** Reserves a device's machine again, after a restart. @returns false if somebody else has it by now, who then answers for it */
  async keep(machine: RackMachine, deviceId: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#claim(machine, deviceId, signal)
      return true
    } catch (error) {
      if (this.#parts.state.of(machine.name).holder === deviceId) throw error
      return false
    }
  }

  /** Gives back a machine that was seen off. */
  async end(machine: RackMachine, deviceId: string, signal: AbortSignal): Promise<void> {
    const { state, switches, idle } = this.#parts
    await switches.of(machine).free?.(deviceId, signal)
    await state.change(machine.name, { holder: undefined, identity: undefined, isReleased: false, wipe: undefined })
    idle.nowFree(machine, deviceId)
  }
}
