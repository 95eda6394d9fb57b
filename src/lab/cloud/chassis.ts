// The slot of a device's machine: its power, and the things that outlast a power cycle: the serial line and the forwarded ports.
import { LabError } from '../../errors.ts'
import type { Device } from './device.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from '../machines/driver.ts'
import { lastLineOf } from '../machines/last-line.ts'
import { ConsoleMemory } from './console-memory.ts'
import { SerialPort } from './serial-port.ts'

/** The machine of a device, for its driver. */
export function specOf(
  device: Device,
  bootUrl: string,
  { passages, attended }: Pick<MachineSpec, 'passages' | 'attended'>,
): MachineSpec {
  const { plan, operatingSystem, rootPassword } = device
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
    mac: device.macs[0],
    bootUrl,
    passages,
    attended,
    ...(name === undefined ? {} : { system: { name, rootPassword } }),
  }
}

/** The power, the serial line and the forwarded ports of one device. */
export class Chassis {
  readonly port = new SerialPort()
  /** The recent console output, which the lab's page shows to viewers who connect later. */
  readonly memory = new ConsoleMemory()
  /** Local ports by the machine's ports. */
  readonly #forwards = new Map<number, number>()
  #machine: PoweredMachine | undefined
  #lastSignMs = 0

  constructor() {
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
   * Switches a machine on. `onLoss` is called when it goes off for any reason other than `unplug`, `onRestart` when the driver
   * restarts it. @throws the driver's errors
   */
  async plugIn(
    driver: MachineDriver,
    spec: MachineSpec,
    { onLoss, onRestart }: { onLoss: (loss: PowerLoss) => void; onRestart: () => void },
  ): Promise<void> {
    const machine = await driver.powerOn(spec, () => {
      this.#lastSignMs = performance.now()
      onRestart()
    })
    this.#machine = machine
    this.#lastSignMs = performance.now()
    this.port.connect(machine.serial, () => machine.sendBreak?.())
    void this.#watch(machine, onLoss)
    void this.#restoreForwards(machine)
  }

  async #watch(machine: PoweredMachine, onLoss: (loss: PowerLoss) => void): Promise<void> {
    const loss = await machine.off
    if (this.#machine !== machine) return
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

  /** Switches the machine off and waits until it is off; does nothing if there is no machine. */
  async unplug(): Promise<void> {
    const machine = this.#machine
    this.#machine = undefined
    await machine?.[Symbol.asyncDispose]()
  }
}
