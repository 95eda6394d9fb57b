// The slot of a device's machine: its power, and the things that outlast a power cycle: the serial line and the forwarded ports.
import { describeError, LabError, RackError } from '../../../errors.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerHooks, PowerLoss } from '../../machines/driver.ts'
import { lastLineOf } from '../../machines/last-line.ts'
import { ConsoleMemory } from '../console-memory.ts'
import { type Patience, repeat } from './repeat.ts'
import { SerialPort } from '../serial-port.ts'

/** What a chassis tells of its machine. */
export interface ChassisHooks extends PowerHooks {
  /** Called when the machine goes off for any reason other than `unplug`. */
  onLoss: (loss: PowerLoss) => void
  onRestart: () => void
}

/** The parts of a chassis. */
export interface ChassisParts {
  driver: MachineDriver
  patience: Patience
  /** Fulfilled once the device is on disk: hardware that is on must not be forgotten. */
  saved?: (() => Promise<void>) | undefined
  /** The machine as it is now. */
  spec: () => MachineSpec
  /** The hooks of a machine that is switched on or found while a signal has not aborted. */
  hooks: (signal: AbortSignal) => ChassisHooks
}

/** The power, the serial line and the forwarded ports of one device. */
export class Chassis {
  readonly port = new SerialPort()
  /** The recent console output, which the lab's page shows to viewers who connect later. */
  readonly memory = new ConsoleMemory()
  /** Local ports by the machine's ports. */
  readonly #forwards = new Map<number, number>()
  readonly #parts: ChassisParts
  #machine: PoweredMachine | undefined
  /** While no machine is in the chassis: whether the device's machine is known to be off. */
  #isKnown = false
  /** Whether going off is this program's own doing. */
  #isReleasing = false
  #lastSignMs = 0

  constructor(parts: ChassisParts) {
    this.#parts = parts
    this.port.watch((bytes) => {
      this.#lastSignMs = performance.now()
      this.memory.take(bytes, this.#lastSignMs)
    })
  }

  /** The last line on the console; '' if there is no line. */
  get lastLine(): string {
    return lastLineOf(this.memory.recent.toString('latin1'))
  }

  /** Tells a machine that has not run its boot script yet that it has stalled, if it has been silent for too long. */
  checkStall(): void {
    const machine = this.#machine
    if (machine?.stallMs === undefined || performance.now() - this.#lastSignMs < machine.stallMs) return
    this.#lastSignMs = performance.now()
    const { lastLine } = this
    const where = lastLine === '' ? 'before it printed anything' : `at "${lastLine}"`
    machine.stalled?.(`the machine stalled for ${machine.stallMs / 1000} s ${where}`)
  }

  get isOn(): boolean {
    return this.#machine !== undefined
  }

  /** Whether the machine was seen to be off. If not, it is on, or nobody can tell. */
  get isOff(): boolean {
    return this.#isKnown && !this.isOn
  }

  /**
   * Switches a machine on.
   * @throws the driver's errors; the machine may be on then
   */
  async plugIn(signal: AbortSignal): Promise<void> {
    const { driver, spec, hooks, saved } = this.#parts
    await saved?.()
    this.#isKnown = false
    const own = hooks(signal)
    this.#connect(await driver.powerOn(spec(), this.#watched(own)), own)
  }

  /** Finds a machine that is on but not in the chassis. Tries until the state of the machine is known. */
  async reattach(signal: AbortSignal): Promise<void> {
    if (this.isOn) return
    const { driver, spec, hooks } = this.#parts
    await this.#repeat('the state of the machine is not known', signal, async () => {
      const own = hooks(signal)
      const machine = await driver.reattach?.(spec(), this.#watched(own))
      this.#isKnown = true
      if (machine !== undefined) this.#connect(machine, own)
    })
  }

  async #repeat(what: string, signal: AbortSignal, task: () => Promise<void>): Promise<void> {
    const { retryMs, onTrouble } = this.#parts.patience
    await repeat(task, { retryMs, onTrouble: (why) => onTrouble(`${what}: ${why}`) }, signal)
  }

  #watched({ onRestart, ...hooks }: ChassisHooks): PowerHooks {
    return {
      ...hooks,
      onRestart: () => {
        this.#lastSignMs = performance.now()
        onRestart()
      },
    }
  }

  #connect(machine: PoweredMachine, { onLoss }: ChassisHooks): void {
    this.#machine = machine
    this.#lastSignMs = performance.now()
    this.port.connect(machine.serial, () => machine.sendBreak?.())
    void this.#watch(machine, onLoss)
    void this.#restoreForwards(machine)
  }

  async #watch(machine: PoweredMachine, onLoss: (loss: PowerLoss) => void): Promise<void> {
    const loss = await machine.off
    if (this.#machine !== machine || this.#isReleasing) return
    this.#machine = undefined
    this.#isKnown = loss.reason !== 'failed'
    onLoss(loss)
  }

  /** A port that another program has taken meanwhile is no longer forwarded. */
  async #restoreForwards(machine: PoweredMachine): Promise<void> {
    for (const [guestPort, hostPort] of this.#forwards) {
      await machine.forward?.(guestPort, hostPort).catch(() => this.#forwards.delete(guestPort))
    }
  }

  /**
   * Forwards a local port to a TCP port of the machine, now and whenever the machine is on; `hostPort` 0 is any free port.
   * @returns the local port on loopback; an existing forward keeps its local port
   * @throws LabError if the port cannot be forwarded
   */
  async forward(guestPort: number, hostPort: number): Promise<number> {
    const machine = this.#machine
    if (machine === undefined) throw new LabError('the machine is off', { hint: 'switch it on first' })
    if (machine.forward === undefined) {
      throw this.#parts.driver.kind === 'rack'
        ? new RackError('a rack forwards no ports', { hint: 'connect to the address of the machine' })
        : new LabError('simulated machines have no ports', { hint: 'use --machines qemu' })
    }
    const localPort = await machine.forward(guestPort, hostPort)
    this.#forwards.set(guestPort, localPort)
    return localPort
  }

  /** Restarts a machine that is on. @returns false if it was not restarted: it has to be switched off and on */
  async reset(signal: AbortSignal): Promise<boolean> {
    const { spec, hooks, patience } = this.#parts
    await this.reattach(signal)
    const machine = this.#machine
    if (machine?.reset === undefined) return false
    try {
      await machine.reset(spec(), this.#watched(hooks(signal)))
      return this.#machine === machine
    } catch (error) {
      signal.throwIfAborted()
      patience.onTrouble(`the machine was not reset, so it is switched off and on: ${describeError(error)}`)
      return false
    }
  }

  /**
   * Switches the machine off. Tries until it is off: a machine that may still be on is never reported as off. It may be on although it is not
   * in the chassis: after a failed `plugIn`, or because somebody pressed its button.
   */
  async unplug(signal: AbortSignal): Promise<void> {
    await this.reattach(signal)
    await this.#repeat('the machine did not switch off', signal, async () => {
      await this.#release(async (machine) => await machine[Symbol.asyncDispose](signal))
    })
  }

  /** Switches the machine off and frees everything of it. Tries until that is done: a machine that is not off is not free. */
  async clear(signal: AbortSignal): Promise<void> {
    const { driver, spec } = this.#parts
    await this.#repeat('the machine is not free yet', signal, async () => {
      // Each time, for a machine that was called off by mistake is found on here.
      await this.unplug(signal)
      await driver.discard?.(spec().id, signal)
    })
  }

  /** Lets go of the machine at the end of the lab: it stays on if it can outlast this process. The signal ends the wait. */
  async leave(signal: AbortSignal): Promise<void> {
    try {
      await this.#release(async (machine) => await (machine.detach?.(signal) ?? machine[Symbol.asyncDispose](signal)))
    } catch (error) {
      if (!signal.aborted) this.#parts.patience.onTrouble(`the machine could not be released: ${describeError(error)}`)
    }
    this.port.hangUp()
  }

  /** Takes the machine out of the chassis if `end` succeeds. */
  async #release(end: (machine: PoweredMachine) => Promise<void>): Promise<void> {
    const machine = this.#machine
    if (machine === undefined) return
    this.#isReleasing = true
    try {
      await end(machine)
      this.#machine = undefined
      this.#isKnown = true
    } finally {
      this.#isReleasing = false
    }
  }

  /** How far the machine has come, as its driver sees it; undefined if the driver sees nothing. */
  explainStop(): string | undefined {
    return this.#machine?.explainStop?.()
  }
}
