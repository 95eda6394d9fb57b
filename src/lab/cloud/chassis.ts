// The slot of a device's machine: its power, and the things that outlast a power cycle: the serial line and the forwarded ports.
import { describeError, LabError } from '../../errors.ts'
import type { Device } from './device.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerHooks, PowerLoss } from '../machines/driver.ts'
import { lastLineOf } from '../machines/last-line.ts'
import { ConsoleMemory } from './console-memory.ts'
import { type Patience, repeat } from './repeat.ts'
import { SerialPort } from './serial-port.ts'

/** The machine of a device, for its driver. */
export function specOf(
  device: Device,
  bootUrl: string,
  { passages, attended }: Pick<MachineSpec, 'passages' | 'attended'>,
): MachineSpec {
  const { plan, operatingSystem, rootPassword, alwaysPxe, pxeArmed } = device
  const name = device.inRescue
    ? 'Rescue system'
    : operatingSystem.slug === 'custom_ipxe'
      ? undefined
      : operatingSystem.name
  return {
    id: device.id,
    hostname: device.hostname,
    arch: plan.arch,
    cpus: plan.cpus,
    memoryMib: plan.memoryMib,
    macs: device.macs,
    machine: device.machine,
    bootUrl,
    boot: alwaysPxe ? 'network' : pxeArmed ? 'network-once' : 'disk',
    passages,
    attended,
    ...(name === undefined ? {} : { system: { name, rootPassword } }),
  }
}

/** What a chassis tells of its machine. */
export interface ChassisHooks extends PowerHooks {
  /** Called when the machine goes off for any reason other than `unplug`. */
  onLoss: (loss: PowerLoss) => void
  onRestart: () => void
}

/** The power, the serial line and the forwarded ports of one device. */
export class Chassis {
  readonly port = new SerialPort()
  /** The recent console output, which the lab's page shows to viewers who connect later. */
  readonly memory = new ConsoleMemory()
  /** Local ports by the machine's ports. */
  readonly #forwards = new Map<number, number>()
  readonly #driver: MachineDriver
  readonly #patience: Patience
  #machine: PoweredMachine | undefined
  /** Whether going off is this program's own doing. */
  #isReleasing = false
  #lastSignMs = 0

  constructor(driver: MachineDriver, patience: Patience) {
    this.#driver = driver
    this.#patience = patience
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

  /**
   * Switches a machine on.
   * @throws the driver's errors
   */
  async plugIn(spec: MachineSpec, hooks: ChassisHooks): Promise<void> {
    this.#connect(await this.#driver.powerOn(spec, this.#watched(hooks)), hooks)
  }

  /** Finds the machine of an earlier server again; it may be off. Tries until its state is known. */
  async reattach(spec: MachineSpec, hooks: ChassisHooks, signal: AbortSignal): Promise<void> {
    await this.#repeat('the state of the machine is not known', signal, async () => {
      const machine = await this.#driver.reattach?.(spec, this.#watched(hooks))
      if (machine !== undefined) this.#connect(machine, hooks)
    })
  }

  async #repeat(what: string, signal: AbortSignal, task: () => Promise<void>): Promise<void> {
    const { retryMs, onTrouble } = this.#patience
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
      throw new LabError('simulated machines have no ports', { hint: 'use --machines qemu' })
    }
    const localPort = await machine.forward(guestPort, hostPort)
    this.#forwards.set(guestPort, localPort)
    return localPort
  }

  /** Switches the machine off, if there is one. Tries until it is off: a machine that may still be on is never called off. */
  async unplug(signal: AbortSignal): Promise<void> {
    await this.#repeat('the machine did not switch off', signal, async () => {
      await this.#release(async (machine) => await machine[Symbol.asyncDispose]())
    })
  }

  /**
   * Switches the machine off and frees everything of it. Tries until that is done: what is not off is not free. The machine may be on
   * although this chassis does not have it, if `reattach` was aborted.
   */
  async clear(spec: MachineSpec, hooks: ChassisHooks, signal: AbortSignal): Promise<void> {
    if (!this.isOn) await this.reattach(spec, hooks, signal)
    await this.unplug(signal)
    await this.#repeat('the machine is not free yet', signal, async () => await this.#driver.discard?.(spec.id))
  }

  /** Gives the machine up at the end of the lab: it stays on if it can outlast this process. */
  async leave(): Promise<void> {
    try {
      await this.#release(async (machine) => await (machine.detach?.() ?? machine[Symbol.asyncDispose]()))
    } catch (error) {
      this.#patience.onTrouble(`the machine did not switch off: ${describeError(error)}`)
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
    } finally {
      this.#isReleasing = false
    }
  }

  /** How far the machine has come, as its driver sees it; undefined if the driver sees nothing. */
  explainStop(): string | undefined {
    return this.#machine?.explainStop?.()
  }
}
