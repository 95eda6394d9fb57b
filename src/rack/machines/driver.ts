// The rack's driver: it switches the machines of the file through their BMCs, and boots them from the network for their devices.
import type { Clock } from '../../clock.ts'
import { RackError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerHooks } from '../../lab/machines/driver.ts'
import type { Power, PowerState } from '../power/power.ts'
import type { RackFile, RackMachine } from '../file/rack-file.ts'
import type { Netboot } from '../netboot/netboot.ts'
import type { Sightings } from '../netboot/sightings.ts'
import { NetworkBoots } from './network-boots.ts'
import { Holds } from './holds.ts'
import { IdleMachines } from './idle-machines.ts'
import { isByHand, type People } from './people.ts'
import { type OpenedConsole, RackedMachine } from './powered.ts'
import type { RackState } from './rack-state.ts'
import { Switches } from './switches.ts'
import type { WipeStage } from './wipe-book.ts'
import { Wipes } from './wipes.ts'

/** The parts of the driver. */
export interface RackDriverParts {
  file: Pick<RackFile, 'machines'>
  /** By name; a machine in use has none. */
  powers: ReadonlyMap<string, Power>
  netboot: Pick<Netboot, 'arm' | 'disarm' | 'stepsOf'>
  /** Everything that network boot sees. */
  sightings: Sightings
  people: People
  /** Why a machine cannot boot at all, by name. */
  unbootable?: ReadonlyMap<string, string> | undefined
  /** Opens a machine's console; also if that fails at first, for it goes on trying. */
  openConsole: (machine: RackMachine, signal: AbortSignal) => Promise<OpenedConsole>
  state: RackState
  /** The origin of URLs for machines. */
  origin: string
  report: Reporter
  clock: Clock
  /** The end of the server: it ends every wait, and no machine. */
  signal: AbortSignal
  /** Between two looks at a machine that is on. */
  pollMs?: number
}

const unknownHint = 'put it back and restart the rack; until then nobody can tell whether it is on'

/** How long the start waits for BMCs. It goes on asking slower ones. */
const meetingMs = 15_000

/** A machine of the rack, as lists show it. */
export interface RackedView {
  name: string
  plan: string
  /** The id of its device. */
  holder: string | undefined
  /** The stage of its wipe, between the end of its device and the time when it is free. */
  wipe?: WipeStage | undefined
  /** Why no new device may have it. */
  why: string | undefined
}

/** The driver of a rack. */
export interface RackDriver extends MachineDriver {
  /** Why a new device may not have a machine of the file; undefined if it may. A device of this cloud that has it does not count. */
  whyUnusable(name: string): string | undefined
  /** The power of a machine without a device when it was last asked. */
  lastSeen(name: string): PowerState
  /** The user says: this machine may be switched off and used. @throws RackError if a device has it */
  release(name: string): Promise<void>
  /** The network boots of the machines. */
  readonly boots: NetworkBoots
  /** The wipes of the machines. */
  readonly wipes: Wipes
  /** The machines, in the order of the file. */
  views(): RackedView[]
}

class Driver implements RackDriver {
  readonly kind = 'rack'
  readonly boots: NetworkBoots
  readonly #parts: RackDriverParts
  readonly #machines: ReadonlyMap<string, RackMachine>
  readonly #idle: IdleMachines
  readonly #switches: Switches
  readonly #holds: Holds
  readonly wipes: Wipes

  constructor(parts: RackDriverParts) {
    this.#parts = parts
    const { machines } = parts.file
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]))
    this.boots = new NetworkBoots(parts.netboot, parts.sightings)
    this.#switches = new Switches(parts)
    this.#idle = new IdleMachines({ ...parts, machines, switches: this.#switches })
    this.#holds = new Holds({ state: parts.state, switches: this.#switches, idle: this.#idle })
    const own = { machines, switches: this.#switches, boots: this.boots, holds: this.#holds }
    this.wipes = new Wipes({ ...parts, ...own })
  }

  #machineOf(name: string | undefined, hint = unknownHint): RackMachine {
    const machine = this.#machines.get(name ?? '')
    if (machine === undefined) throw new RackError(`the machine "${name}" is not in the rack file`, { hint })
    if (machine.inUse) {
      throw new RackError(`the machine "${name}" has inUse: true in the rack file, so it is never touched`, {
        hint: 'remove inUse and restart the rack',
      })
    }
    return machine
  }

  /** Ends with the wait of the device, or with the server. */
  #within(hooks: { signal?: AbortSignal | undefined } | undefined): AbortSignal {
    const { signal } = this.#parts
    return hooks?.signal === undefined ? signal : AbortSignal.any([signal, hooks.signal])
  }

  async powerOn(spec: MachineSpec, hooks?: PowerHooks): Promise<PoweredMachine> {
    const machine = this.#machineOf(spec.machine)
    const { name } = machine
    const signal = this.#within(hooks)
    await this.#holds.take(machine, spec.id, (text) => hooks?.onStep?.(text), signal)
    const console = await this.#parts.openConsole(machine, signal)
    try {
      await this.#prepareBoot(machine, spec, hooks, signal)
      await this.#switches.on(machine, signal)
    } catch (error) {
      this.boots.disarm(machine)
      await console[Symbol.asyncDispose]()
      throw error
    }
    hooks?.onStep?.(`${name}: switched on`)
    return this.#powered(machine, console)
  }

  async #prepareBoot(
    machine: RackMachine,
    spec: MachineSpec,
    hooks: PowerHooks | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = machine
    const power = this.#switches.of(machine)
    if (spec.boot === 'disk') {
      this.#arm(machine, spec, hooks)
      await power.clearBoot(signal)
      return hooks?.onStep?.(`${name}: boots its disk`)
    }
    this.#arm(machine, spec, hooks)
    const { persistent } = await power.bootFromNetworkOnce(signal)
    if (machine.boot === 'order') return hooks?.onStep?.(`${name}: follows its own boot order`)
    const source = machine.boot === 'media' ? 'the disc that its BMC has' : 'the network'
    return hooks?.onStep?.(`${name}: set to boot from ${source}${persistent ? ' until that is taken back' : ' once'}`)
  }

  /** Lets a machine have its script, if it is to boot from the network, or its script tells it how to boot its disk. */
  #arm(machine: RackMachine, { bootUrl, boot }: MachineSpec, hooks: PowerHooks | undefined): void {
    if (boot === 'disk' && !this.boots.answersDiskBoots(machine)) return this.boots.disarm(machine)
    this.boots.arm(machine, { script: bootUrl, isOnce: boot !== 'network', onStep: hooks?.onStep })
  }

  #powered(machine: RackMachine, console: OpenedConsole): PoweredMachine {
    const { clock, pollMs = 5000, signal } = this.#parts
    return new RackedMachine({
      console,
      status: (looking) => this.#switches.status(machine, AbortSignal.any([signal, looking])),
      switchOff: (waiting) => this.#switches.shutDown(machine, this.#within({ signal: waiting })),
      reset: this.#switches.canReset(machine) ? (spec, hooks) => this.#reset(machine, spec, hooks) : undefined,
      leave: () => this.boots.disarm(machine),
      explainStop: () => this.boots.explainStop(machine),
      clock,
      pollMs,
    })
  }

  async #reset(machine: RackMachine, spec: MachineSpec, hooks: PowerHooks | undefined): Promise<void> {
    const signal = this.#within(hooks)
    await this.#prepareBoot(machine, spec, hooks, signal)
    await this.#switches.reset(machine, signal)
    hooks?.onStep?.(`${machine.name}: reset`)
  }

  async reattach(spec: MachineSpec, hooks?: PowerHooks): Promise<PoweredMachine | undefined> {
    // Nothing was done yet to the machine of a device without a record.
    if (this.#parts.state.machineOf(spec.id) === undefined) return undefined
    const machine = this.#machineOf(spec.machine)
    const signal = this.#within(hooks)
    this.#idle.takenBy(machine.name, spec.id)
    await this.#switches.of(machine).claim?.(spec.id, signal)
    const seen = await this.#switches.status(machine, signal)
    if (seen === 'off') return undefined
    // A person is asked later, when it must be off.
    if (seen === 'unknown' && !isByHand(machine)) {
      throw new RackError(`nobody can tell whether the machine "${machine.name}" is on`)
    }
    const console = await this.#parts.openConsole(machine, signal)
    if (spec.boot !== 'network-once') this.#arm(machine, spec, hooks)
    return this.#powered(machine, console)
  }

  async discard(id: string, waiting?: AbortSignal): Promise<void> {
    const { state } = this.#parts
    const signal = this.#within({ signal: waiting })
    const name = state.machineOf(id)
    if (name === undefined) return
    const machine = this.#machineOf(name)
    if (!(await this.#holds.keep(machine, id, signal))) return this.boots.disarm(machine)
    const seen = await this.#switches.status(machine, signal)
    if (seen !== 'off') {
      throw new RackError(`the machine "${name}" is ${seen === 'on' ? 'on' : 'perhaps on'}, so it is not free`)
    }
    await this.#switches.confirmOff(machine, signal)
    await this.#switches.of(machine).clearBoot(signal)
    this.boots.disarm(machine)
    if (machine.wipe === undefined) await this.#holds.end(machine, id, signal)
    else await this.wipes.take(machine, id)
  }

  /** Called at the start with the ids of all devices. */
  async keepOnly(ids: readonly string[]): Promise<void> {
    this.wipes.resume()
    await this.#idle.meet(ids, meetingMs)
  }

  whyUnusable(name: string): string | undefined {
    return this.wipes.whyUnusable(name) ?? this.#idle.whyUnusable(name) ?? this.#parts.unbootable?.get(name)
  }

  lastSeen(name: string): PowerState {
    return this.wipes.lastSeen(name) ?? this.#idle.lastSeen(name)
  }

  async release(name: string): Promise<void> {
    const machine = this.#machineOf(name, 'metalkit rack list shows the machines')
    const hasWipe = this.wipes.stageOf(name) !== undefined
    if (hasWipe && this.#switches.strangerAt(name) !== undefined) return await this.#idle.acceptBmc(machine)
    if (!(await this.wipes.release(machine))) await this.#idle.release(machine)
  }

  views(): RackedView[] {
    return [...this.#machines.values()].map(({ name, plan }) => {
      const { holder, wipe } = this.#parts.state.of(name)
      const device = wipe === undefined ? holder : undefined
      return { name, plan, holder: device, wipe: wipe?.stage, why: this.whyUnusable(name) }
    })
  }
}

/** Creates the driver of a rack. */
export function createRackDriver(parts: RackDriverParts): RackDriver {
  return new Driver(parts)
}
