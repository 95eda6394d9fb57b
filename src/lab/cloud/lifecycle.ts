// The lives of all devices of a lab: it starts one for each device and ends all of them with the lab.
import { LabError } from '../../errors.ts'
import { type Cloud, removeDevice } from './cloud.ts'
import { queuedEvent } from './device-events.ts'
import { DeviceHistory } from './device-history.ts'
import { DeviceLife, type LifeParts, type PowerAction } from './device-life.ts'
import type { Device } from './device.ts'
import type { SerialPort } from './serial-port.ts'

/** The parts of the lab that a lifecycle needs. */
export interface LifecycleParts extends Omit<LifeParts, 'history'> {
  cloud: Cloud
  /** Called after each change of a device. */
  onChange: () => void
}

/** Moves devices through their states. Disposing it switches all machines off and waits until they are off. */
export class Lifecycle implements AsyncDisposable {
  /** Records state changes and events of devices. */
  readonly history: DeviceHistory
  readonly #parts: LifecycleParts
  readonly #lives = new Map<string, DeviceLife>()

  constructor(parts: LifecycleParts) {
    this.#parts = parts
    this.history = new DeviceHistory(parts.report, parts.onChange)
  }

  /** Whether its machines can boot operating systems other than custom_ipxe. */
  get installs(): boolean {
    return this.#parts.driver.installs === true
  }

  /** Finds a device and its chassis by the device's id. */
  find(id: string): Pick<DeviceLife, 'device' | 'chassis'> | undefined {
    return this.#lives.get(id)
  }

  /** Finds the serial line of a device. */
  findPort(id: string): SerialPort | undefined {
    return this.#lives.get(id)?.chassis.port
  }

  /**
   * Forwards a local port to a TCP port of a device's machine, across power cycles; `hostPort` 0 is any free port.
   * @returns the local port on loopback
   * @throws LabError if the port cannot be forwarded
   */
  async forward(device: Device, guestPort: number, hostPort: number): Promise<number> {
    const life = this.#lives.get(device.id)
    if (life === undefined) throw new LabError('the machine is gone')
    return await life.chassis.forward(guestPort, hostPort)
  }

  /** Adds a queued device to the cloud and starts provisioning it. */
  create(device: Device): void {
    const life = this.#adopt(device)
    this.history.tell(device, ...queuedEvent)
    life.provision()
  }

  /**
   * Restores a device of an earlier lab, whose machine ended with that lab: a running device is now off, an unfinished installation
   * starts again, and a device that was being deleted is gone.
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

  /** Starts deleting a device, whatever it is doing. */
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
