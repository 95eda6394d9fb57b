// The machines that no device has. When the rack first sees one, it asks for its power state; only a machine that is off may be used.
import type { Clock } from '../../clock.ts'
import { settleBefore } from '../../deadline.ts'
import { messageOf, RackError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import type { PowerState } from '../power/power.ts'
import type { RackMachine } from '../file/rack-file.ts'
import { isByHand, type People } from './people.ts'
import type { RackState } from './rack-state.ts'
import type { Switches } from './switches.ts'

/** How many BMCs are asked at once. */
const atOnce = 16
const askAgainMs = 30_000
/** How long a release waits for the machine's power; a BMC that takes longer answers later. */
const releaseMs = 5000

/** The parts that idle machines need. */
export interface IdleParts {
  machines: readonly RackMachine[]
  state: RackState
  switches: Pick<Switches, 'status' | 'of' | 'strangerAt'>
  people: People
  report: Reporter
  clock: Clock
  signal: AbortSignal
}

/** Why a machine that is on is refused. */
export function refusalOfOn(name: string): string {
  return `it is on, and no device of this rack has it: if it may be switched off and used, run metalkit rack release ${name}`
}

/** Knows which machines without a device may be used. */
export class IdleMachines {
  readonly #parts: IdleParts
  /** Why a machine may not be used; a machine that may be used has no entry. */
  readonly #troubles = new Map<string, string>()
  /** The power of machines without a device when they were last asked. */
  readonly #seen = new Map<string, PowerState>()
  /** The machines that are asked again and again. */
  readonly #asking = new Set<string>()
  /** Ids of the devices that this server knows. */
  readonly #known = new Set<string>()

  constructor(parts: IdleParts) {
    this.#parts = parts
    for (const { name, inUse } of parts.machines) {
      this.#troubles.set(name, inUse ? 'it is in use (inUse: true in the rack file)' : 'its power is not known yet')
    }
  }

  /** Why a new device may not have this machine; undefined if it may. */
  whyUnusable(name: string): string | undefined {
    const { refusal, holder } = this.#parts.state.of(name)
    if (refusal !== undefined) return refusal
    if (holder !== undefined && !this.#known.has(holder)) {
      return `a device of another cloud has it (${holder}): start that cloud with its --name and delete the device, or run metalkit rack release ${name}`
    }
    return this.#parts.switches.strangerAt(name) ?? this.#troubles.get(name)
  }

  /** The power of a machine without a device when it was last asked. */
  lastSeen(name: string): PowerState {
    return this.#seen.get(name) ?? 'unknown'
  }

  /** A device has the machine: from now on the device knows its state. */
  takenBy(name: string, deviceId: string): void {
    this.#known.add(deviceId)
    this.#troubles.delete(name)
    this.#seen.delete(name)
  }

  /** Records that the machine was seen off and is free: its device no longer exists. */
  nowFree(machine: RackMachine, deviceId: string): void {
    this.#known.delete(deviceId)
    this.#troubles.delete(machine.name)
    this.#seen.set(machine.name, 'off')
    if (this.#isShared(machine)) void this.#askAgain(machine)
  }

  /** No device gets the machine until its power is known. */
  setAside(machine: RackMachine, why: string): void {
    this.#troubles.set(machine.name, why)
    void this.#askAgain(machine)
  }

  /** Refuses a machine until the user releases it. */
  async refuse(name: string, why: string): Promise<void> {
    await this.#parts.state.change(name, { refusal: why, isReleased: false })
  }

  /** Meets all machines that no device has, and keeps asking silent ones. Returns after the first round, or after a while. */
  async meet(knownIds: readonly string[], patienceMs: number): Promise<void> {
    for (const id of knownIds) this.#known.add(id)
    const { machines, state, clock, signal } = this.#parts
    const waiting = machines.filter(({ name, inUse }) => !inUse && state.of(name).holder === undefined)
    for (const machine of machines) {
      const { holder, power } = state.of(machine.name)
      if (holder !== undefined) this.#troubles.delete(machine.name)
      // A person's word is outdated: since then a BMC may have switched the machine.
      if (power !== undefined && !isByHand(machine)) await state.change(machine.name, { power: undefined })
    }
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (!(await this.ask(next)) || this.#isShared(next)) void this.#askAgain(next)
      }
    }
    const round = Promise.all(Array.from({ length: atOnce }, work))
    try {
      await settleBefore<unknown>({ ms: clock.toRealMs(patienceMs), late: () => undefined, signal }, round)
    } catch {
      // The server ends.
    }
  }

  async #askAgain(machine: RackMachine): Promise<void> {
    const { clock, signal, state } = this.#parts
    if (this.#asking.has(machine.name)) return
    this.#asking.add(machine.name)
    try {
      do await clock.sleep(askAgainMs, signal)
      while (state.of(machine.name).holder === undefined && (!(await this.ask(machine)) || this.#isShared(machine)))
    } catch {
      // The server ends.
    } finally {
      this.#asking.delete(machine.name)
    }
  }

  /** True if others use the machine too: it is polled as long as no device has it. */
  #isShared(machine: RackMachine): boolean {
    return this.#parts.switches.of(machine).claim !== undefined
  }

  /** Asks for the power of a machine without a device. @returns whether there was an answer */
  async ask(machine: RackMachine): Promise<boolean> {
    const { state, switches, report, signal } = this.#parts
    const { name } = machine
    let seen: PowerState
    try {
      seen = await switches.status(machine, signal)
    } catch (error) {
      if (signal.aborted) return true
      if (state.of(name).holder !== undefined) return true
      const why = messageOf(error)
      if (this.#troubles.get(name) !== why) report.warn(`rack: ${name} cannot be used: ${why}`)
      this.#troubles.set(name, why)
      this.#seen.delete(name)
      return false
    }
    if (state.of(name).holder !== undefined) return true
    this.#seen.set(name, seen)
    const isHands = isByHand(machine)
    if (seen === 'off') {
      // The permission to switch it off is used up: it does not cover a machine that is switched on again.
      if (state.of(name).isReleased === true) await state.change(name, { isReleased: false })
      this.#troubles.delete(name)
    } else if (seen === 'unknown') {
      const why = isHands
        ? `nobody has said yet that it is off: switch it off, then run metalkit rack release ${name}`
        : 'its BMC does not say whether it is on'
      if (this.#troubles.get(name) !== why) report.warn(`rack: ${name} cannot be used: ${why}`)
      this.#troubles.set(name, why)
      return isHands
    } else if (state.of(name).isReleased === true) this.#troubles.delete(name)
    else {
      const why = refusalOfOn(name)
      if (state.of(name).refusal === undefined) {
        report.warn(`rack: ${name} cannot be used: ${why}`)
        await this.refuse(name, why)
      }
      this.#troubles.delete(name)
    }
    return true
  }

  /** The user says that the BMC of a device's machine was replaced. That it fits the rack file is checked again before anything is done. */
  async acceptBmc(machine: RackMachine): Promise<void> {
    const { state, switches, signal } = this.#parts
    await state.change(machine.name, { identity: await switches.of(machine).identify(signal) })
    // This asks the BMC again.
    await switches.of(machine).status(signal)
  }

  /** The user says that a machine may be switched off and used; of one that only hands switch also that it is off. */
  async release(machine: RackMachine): Promise<void> {
    const { name } = machine
    const { state, people, clock, signal } = this.#parts
    const { holder } = state.of(name)
    const isHeld = holder !== undefined && this.#known.has(holder)
    const mayBeOff = isByHand(machine) && (people.isAskedForOff(name) || state.of(name).power !== 'on')
    if (isHeld && this.#parts.switches.strangerAt(name) !== undefined) return await this.acceptBmc(machine)
    if (isHeld && !mayBeOff) {
      throw new RackError(`the device ${holder} has the machine "${name}"`, { hint: 'delete the device to free it' })
    }
    if (isByHand(machine)) {
      await state.change(name, { power: 'off' })
      people.confirmOff(name)
    }
    if (isHeld) return
    await state.change(name, { isReleased: true, refusal: undefined, holder: undefined, identity: undefined })
    const patience = { ms: clock.toRealMs(releaseMs), late: () => false, signal }
    await settleBefore(patience, this.ask(machine))
  }
}
