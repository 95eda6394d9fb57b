// Where a device's machine sits: on or off, and what stays when it is off: the serial line, and ports that are forwarded.
import { LabError } from '../../errors.ts'
import type { Device } from './device.ts'
import type { MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from '../machines/driver.ts'
import { lastLineOf } from '../machines/last-line.ts'
import { ConsoleMemory } from './console-memory.ts'
import { SerialPort } from './serial-port.ts'

/** The machine of a device, for its driver. */
export function specOf(device: Device, bootUrl: string, passages: MachineSpec['passages']): MachineSpec {
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
    ...(name === undefined ? {} : { system: { name, rootPassword } }),
  }
}

/** The power, the serial line and the forwarded ports of one device. */
export class Chassis {
  readonly port = new SerialPort()
  /** What the lab's page shows of the line to those who come later. */
  readonly memory = new ConsoleMemory()
  /** Ports of the machine, with those of this computer. */
  readonly #forwards = new Map<number, number>()
  #machine: PoweredMachine | undefined
  #lastSignMs = 0

  constructor() {
    this.port.watch((bytes) => {
      this.#lastSignMs = performance.now()
      this.memory.take(bytes, this.#lastSignMs)
    })
  }

  /** The last line on its console; '' for none. */
  get lastLine(): string {
    return lastLineOf(this.memory.recent.toString('latin1'))
  }

  /** Tells a machine that has yet to run its boot script that it stands still, if it has been silent for too long. */
  checkStill(): void {
    const machine = this.#machine
    if (machine?.stillAfterMs === undefined || performance.now() - this.#lastSignMs < machine.stillAfterMs) return
    this.#lastSignMs = performance.now()
    const { lastLine } = this
    const where = lastLine === '' ? 'before its first word' : `at "${lastLine}"`
    machine.standsStill?.(`the machine stood still for ${machine.stillAfterMs / 1000} s ${where}`)
  }

  get isOn(): boolean {
    return this.#machine !== undefined
  }

  /**
   * Switches a machine on. `onLoss` hears of it when it goes off other than by `unplug`, `onRestart` when the driver starts it
   * anew. @throws what the driver throws
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

  /** A port that another program has taken meanwhile is not forwarded any more. */
  async #restoreForwards(machine: PoweredMachine): Promise<void> {
    for (const [guestPort, hostPort] of this.#forwards) {
      await machine.forward?.(guestPort, hostPort).catch(() => this.#forwards.delete(guestPort))
    }
  }

  /**
   * Makes a TCP port of the machine one of this computer's, now and whenever it is on; `hostPort` 0 is any free one.
   * @returns the port on loopback; one that is forwarded already stays as it is
   * @throws LabError where that cannot be had
   */
  async forward(guestPort: number, hostPort: number): Promise<number> {
    const machine = this.#machine
    if (machine === undefined) throw new LabError('the machine is off', { hint: 'switch it on first' })
    if (machine.forward === undefined) {
      throw new LabError('simulated machines have no ports', { hint: 'use --machines qemu' })
    }
    const found = await machine.forward(guestPort, hostPort)
    this.#forwards.set(guestPort, found)
    return found
  }

  /** Switches the machine off and waits until it is; nothing happens where there is none. */
  async unplug(): Promise<void> {
    const machine = this.#machine
    this.#machine = undefined
    await machine?.[Symbol.asyncDispose]()
  }
}
