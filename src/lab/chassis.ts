// Where a device's machine sits: on or off, and the serial line that stays when it is off.
import type { MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from './machines/driver.ts'
import { SerialPort } from './serial-port.ts'

/** The power and the serial line of one device. */
export class Chassis {
  readonly port = new SerialPort()
  #machine: PoweredMachine | undefined

  get isOn(): boolean {
    return this.#machine !== undefined
  }

  /** Switches a machine on. `onLoss` hears of it when it goes off other than by `unplug`. @throws what the driver throws */
  async plugIn(driver: MachineDriver, spec: MachineSpec, onLoss: (loss: PowerLoss) => void): Promise<void> {
    const machine = await driver.powerOn(spec)
    this.#machine = machine
    this.port.connect(machine.serial)
    void this.#watch(machine, onLoss)
  }

  async #watch(machine: PoweredMachine, onLoss: (loss: PowerLoss) => void): Promise<void> {
    const loss = await machine.off
    if (this.#machine !== machine) return
    this.#machine = undefined
    onLoss(loss)
  }

  /** Switches the machine off and waits until it is; nothing happens where there is none. */
  async unplug(): Promise<void> {
    const machine = this.#machine
    this.#machine = undefined
    await machine?.[Symbol.asyncDispose]()
  }
}
