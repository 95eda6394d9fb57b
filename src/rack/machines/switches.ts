// The power of a rack's machines by name, whether a BMC or a person switches them.
import type { Clock } from '../../clock.ts'
import { RackError } from '../../errors.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { Power, PowerState } from '../power/power.ts'
import { switchPower, waitForPower } from '../power/settle.ts'
import type { RackMachine } from '../file/rack-file.ts'
import { isByHand } from './people.ts'
import type { RackState } from './rack-state.ts'

const secondLookMs = 2000

/** Switches machines. */
export class Switches {
  readonly #powers: ReadonlyMap<string, Power>
  readonly #state: RackState
  readonly #clock: Clock

  constructor({ powers, state, clock }: { powers: ReadonlyMap<string, Power>; state: RackState; clock: Clock }) {
    this.#powers = powers
    this.#state = state
    this.#clock = clock
  }

  /** The power of a machine. */
  of({ name }: RackMachine): Power {
    const power = this.#powers.get(name)
    if (power === undefined) throw new RackError(`the machine "${name}" has no power in the rack file`)
    return power
  }

  /** Why the BMC of a machine is another machine's; undefined if it is its own. */
  strangerAt(name: string): string | undefined {
    return this.#powers.get(name)?.stranger
  }

  /** Asks for a machine's state; for a machine that only hands switch, it is the last word of a person. */
  async status(machine: RackMachine, signal: AbortSignal): Promise<PowerState> {
    if (isByHand(machine)) return this.#state.of(machine.name).power ?? 'unknown'
    return await this.of(machine).status(signal)
  }

  /** Switches a machine on. Returns once it was seen on. */
  async on(machine: RackMachine, signal: AbortSignal): Promise<void> {
    // From now on a person may switch it on at any moment, even if the wait for that has ended.
    if (isByHand(machine)) await this.#state.change(machine.name, { power: undefined })
    await this.of(machine).on(signal)
    if (isByHand(machine)) await this.#state.change(machine.name, { power: 'on' })
  }

  /** Cuts a machine's power. Returns once it was seen off. */
  async off(machine: RackMachine, signal: AbortSignal): Promise<void> {
    await this.of(machine).off(signal)
    if (isByHand(machine)) await this.#state.change(machine.name, { power: 'off' })
  }

  /** Gives the system of a machine that is on the time to shut down that the file allows it, and cuts its power. */
  async shutDown(machine: RackMachine, signal: AbortSignal): Promise<void> {
    const power = this.of(machine)
    const { shutdown: seconds, name } = machine
    if (seconds !== undefined && power.softOff !== undefined) {
      const wanted = { name, want: 'off', power, clock: this.#clock, signal, patienceMs: seconds * 1000 } as const
      try {
        await switchPower(wanted, async () => await power.softOff?.(signal))
      } catch (error) {
        if (!(error instanceof BmcError)) throw error
      }
    }
    await this.off(machine, signal)
  }

  /** Asks for a machine's state twice if it is off: some servers are off for a moment when they restart. */
  async look(machine: RackMachine, signal: AbortSignal): Promise<PowerState> {
    const seen = await this.status(machine, signal)
    if (seen !== 'off') return seen
    await this.#clock.sleep(secondLookMs, signal)
    return await this.status(machine, signal)
  }

  /** Makes sure that a machine is off that may be on, or may be shutting down by itself. */
  async ensureOff(machine: RackMachine, signal: AbortSignal): Promise<void> {
    if ((await this.status(machine, signal)) === 'off') await this.confirmOff(machine, signal)
    else await this.off(machine, signal)
    const seen = await this.look(machine, signal)
    if (seen !== 'off')
      throw new RackError(`the machine "${machine.name}" is ${seen === 'on' ? 'on' : 'perhaps on'} again`)
  }

  /** Whether a machine can be restarted without switching it off. */
  canReset(machine: RackMachine): boolean {
    return this.of(machine).reset !== undefined
  }

  /** Restarts a machine that is on. Returns once it was seen on again. */
  async reset(machine: RackMachine, signal: AbortSignal): Promise<void> {
    const power = this.of(machine)
    const seen = await power.status(signal)
    if (seen !== 'on') throw new RackError(`the machine "${machine.name}" is ${seen === 'off' ? 'off' : 'perhaps off'}`)
    await power.reset?.(signal)
    await waitForPower({ name: `the power of "${machine.name}"`, want: 'on', power, clock: this.#clock, signal })
  }

  /** Makes sure that a machine whose state is `off` really is off: the state may be outdated. */
  async confirmOff(machine: RackMachine, signal: AbortSignal): Promise<void> {
    if (this.of(machine).isStatusOld === true) await this.off(machine, signal)
  }
}
