// The lives of all devices of a lab: which there are, how one begins, and how all end with the lab.
import { LabError } from '../../errors.ts'
import { type Cloud, removeDevice } from './cloud.ts'
import { queuedEvent } from './device-events.ts'
import { DeviceHistory } from './device-history.ts'
import { DeviceLife, type LifeParts, type PowerAction } from './device-life.ts'
import type { Device } from './device.ts'
import type { SerialPort } from './serial-port.ts'

/** What a lifecycle needs of the lab. */
export interface LifecycleParts extends Omit<LifeParts, 'history'> {
  cloud: Cloud
  /** Is told of each change of a device. */
  onChange: () => void
}

/** Moves devices through their states. Disposing it switches all machines off and waits for that. */
export class Lifecycle implements AsyncDisposable {
  /** Where all that happens to devices is told. */
  readonly history: DeviceHistory
  readonly #parts: LifecycleParts
  readonly #lives = new Map<string, DeviceLife>()

  constructor(parts: LifecycleParts) {
    this.#parts = parts
    this.history = new DeviceHistory(parts.report, parts.onChange)
  }

  /** Whether its machines boot operating systems beside custom_ipxe. */
  get installs(): boolean {
    return this.#parts.driver.installs === true
  }

  /** A device that exists, with where its machine sits. */
  find(id: string): Pick<DeviceLife, 'device' | 'chassis'> | undefined {
    return this.#lives.get(id)
  }

  /** The serial line of a device that exists. */
  findPort(id: string): SerialPort | undefined {
    return this.#lives.get(id)?.chassis.port
  }

  /**
   * Makes a TCP port of a device's machine one of this computer's loopback, over power cycles; `hostPort` 0 is any free one.
   * @returns the port on loopback
   * @throws LabError where that cannot be had
   */
  async forward(device: Device, guestPort: number, hostPort: number): Promise<number> {
    const life = this.#lives.get(device.id)
    if (life === undefined) throw new LabError('the machine is gone')
    return await life.chassis.forward(guestPort, hostPort)
  }

  /** Takes a new device, queued, into the cloud and starts its provisioning. */
  create(device: Device): void {
    const life = this.#adopt(device)
    this.history.tell(device, ...queuedEvent)
    life.provision()
  }

  /**
   * Takes a device of an earlier lab back, whose machine ended with that lab: what ran is off, what was being made is made again,
   * and what was on its way out is gone.
   */
  async restore(device: Device): Promise<void> {
    if (device.state === 'deprovisioning') {
      removeDevice(this.#parts.cloud, device.id)
      return await this.#parts.driver.discard?.(device.id)
    }
    this.#adopt(device).resume()
  }

  /** Starts a power action. The device's state shows it at once. */
  act(device: Device, action: PowerAction): void {
    this.#lives.get(device.id)?.act(action)
  }

  /** Starts the end of a device, whatever it is doing. */
  remove(device: Device): void {
    this.#lives.get(device.id)?.end(() => {
      this.#lives.delete(device.id)
      removeDevice(this.#parts.cloud, device.id)
    })
  }

  /** The boot script has run on the machine. */
  connected(device: Device): void {
    this.#lives.get(device.id)?.connected()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#lives.values()].map((life) => life[Symbol.asyncDispose]()))
    this.#lives.clear()
  }

  #adopt(device: Device): DeviceLife {
    const life = new DeviceLife(device, { ...this.#parts, history: this.history })
    this.#parts.cloud.devices.set(device.id, device)
    this.#lives.set(device.id, life)
    return life
  }
}
