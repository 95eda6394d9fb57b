// The devices of a lab while it runs: each has a life, which starts with the device and ends with it or with the lab.
import { LabError } from '../../../errors.ts'
import { type Cloud, freeAddresses, removeDevice } from '../cloud.ts'
import { queuedEvent } from '../device-events.ts'
import { DeviceLife } from './device-life.ts'
import type { LifeParts } from './life-parts.ts'
import type { Device } from '../device.ts'
import type { PowerAction } from '../device-state.ts'
import type { SerialPort } from '../serial-port.ts'

/** Moves devices through their states. Disposing it switches all machines off and waits until they are off. */
export class Devices implements AsyncDisposable {
  readonly #cloud: Cloud
  readonly #parts: LifeParts
  readonly #lives = new Map<string, DeviceLife>()

  constructor(cloud: Cloud, parts: LifeParts) {
    this.#cloud = cloud
    this.#parts = parts
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
    if (device.machine !== undefined) {
      throw new LabError('a rack forwards no ports', { hint: "connect to the machine's own address" })
    }
    return await life.chassis.forward(guestPort, hostPort)
  }

  /** Adds a queued device to the cloud and starts provisioning it. */
  create(device: Device): void {
    const life = this.#adopt(device)
    life.tell(...queuedEvent)
    life.provision()
  }

  /**
   * Restores a device of an earlier lab: what was unfinished goes on, and the device's state follows its machine, which may have ended
   * with that lab.
   */
  restore(device: Device): void {
    const life = this.#adopt(device)
    if (device.state === 'deprovisioning') life.deprovision(() => this.#forget(device))
    else life.resume()
  }

  /** Starts a power action. The device's state shows it at once. */
  act(device: Device, action: PowerAction): void {
    this.#lives.get(device.id)?.act(action)
  }

  /** Starts deleting a device, whatever it is doing. Its assigned addresses are free at once: packngo deletes their reservation next. */
  remove(device: Device): void {
    freeAddresses(this.#cloud, device.id)
    this.#lives.get(device.id)?.end(() => this.#forget(device))
  }

  #forget(device: Device): void {
    this.#lives.delete(device.id)
    removeDevice(this.#cloud, device.id)
  }

  /** The boot script has run on the machine. */
  connected(device: Device): void {
    this.#lives.get(device.id)?.connected()
  }

  /** The machine of a device has this address. A lab's machines share its own. */
  locate(device: Device, address: string): void {
    if (device.machine === undefined || device.address === address) return
    device.address = address
    this.#parts.onChange()
  }

  /** Whether the machine of a device was seen to be off. */
  isOff({ id }: Device): boolean {
    return this.#lives.get(id)?.chassis.isOff ?? false
  }

  /** Adds an event to a device. */
  tell(device: Device, type: string, text?: string, state?: string): void {
    this.#lives.get(device.id)?.tell(type, text, state)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#lives.values()].map((life) => life[Symbol.asyncDispose]()))
    this.#lives.clear()
  }

  #adopt(device: Device): DeviceLife {
    const life = new DeviceLife(device, this.#parts)
    this.#cloud.devices.set(device.id, device)
    this.#lives.set(device.id, life)
    return life
  }
}
