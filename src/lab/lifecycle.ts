// The life of devices: what their states are, when their machines are on, and which events tell of it.
import { setTimeout as sleep } from 'node:timers/promises'

import { describeError, LabError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { Chassis } from './chassis.ts'
import type { Cloud } from './cloud.ts'
import { connectedEvent, provisioningEvents } from './device-events.ts'
import { DeviceHistory } from './device-history.ts'
import { type Device, isInstalling } from './device.ts'
import type { MachineDriver, PowerLoss } from './machines/driver.ts'
import type { Pace } from './pace.ts'
import type { SerialPort } from './serial-port.ts'
import { Transitions } from './transitions.ts'

/** What the lab has of a device beyond what the API shows. */
interface Body {
  readonly device: Device
  readonly chassis: Chassis
  readonly transitions: Transitions
}

/** What a lifecycle needs of the lab. */
export interface LifecycleParts {
  cloud: Cloud
  driver: MachineDriver
  pace: Pace
  /** URL of the boot script of a device. */
  bootUrlOf: (device: Device) => string
  report: Reporter
  /** Is told of each change of a device. */
  onChange: () => void
}

/** Power actions of POST /devices/{id}/actions that the lab can do. */
export type PowerAction = 'power_on' | 'power_off' | 'reboot' | 'reinstall'

/** Moves devices through their states. Disposing it switches all machines off and waits for that. */
export class Lifecycle implements AsyncDisposable {
  /** Where all that happens to devices is told. */
  readonly history: DeviceHistory
  readonly #parts: LifecycleParts
  readonly #bodies = new Map<string, Body>()

  constructor(parts: LifecycleParts) {
    this.#parts = parts
    this.history = new DeviceHistory(parts.report, parts.onChange)
  }

  /** A device that exists, with where its machine sits. */
  find(id: string): Pick<Body, 'device' | 'chassis'> | undefined {
    return this.#bodies.get(id)
  }

  /** The serial line of a device that exists. */
  findPort(id: string): SerialPort | undefined {
    return this.#bodies.get(id)?.chassis.port
  }

  /**
   * Makes a TCP port of a device's machine one of this computer's loopback, over power cycles; `hostPort` 0 is any free one.
   * @returns the port on loopback
   * @throws LabError where that cannot be had
   */
  async forward(device: Device, guestPort: number, hostPort: number): Promise<number> {
    const body = this.#bodies.get(device.id)
    if (body === undefined) throw new LabError('the machine is gone')
    return await body.chassis.forward(guestPort, hostPort)
  }

  /** Takes a new device, queued, into the cloud and starts its provisioning. */
  create(device: Device): void {
    this.#provision(this.#adopt(device))
  }

  /**
   * Takes a device of an earlier lab back, whose machine ended with that lab: what ran is off, what was being made is made again,
   * and what was on its way out is gone.
   */
  async restore(device: Device): Promise<void> {
    if (device.state === 'deprovisioning') return await this.#parts.driver.discard?.(device.id)
    const body = this.#adopt(device)
    if (device.state === 'queued') return this.#provision(body)
    if (isInstalling(device)) {
      return this.#enqueue(body, (signal) => this.#reinstall(body, signal))
    }
    if (device.state === 'inactive' || device.state === 'failed') return
    this.history.tell(device, 'instance.powered_off', 'Device powered off with the lab')
    this.history.setState(device, 'inactive')
  }

  /** Starts a power action. The device's state shows it at once. */
  act(device: Device, action: PowerAction): void {
    const body = this.#bodies.get(device.id)
    if (body === undefined) return
    switch (action) {
      case 'power_on':
        if (!body.chassis.isOn || device.state !== 'active') this.history.setState(device, 'powering_on')
        return this.#enqueue(body, (signal) => this.#powerOn(body, signal))
      case 'power_off':
        this.history.setState(device, 'powering_off')
        return this.#enqueue(body, (signal) => this.#powerOff(body, signal))
      case 'reboot':
        this.history.setState(device, 'powering_off')
        return this.#enqueue(body, async (signal) => {
          await this.#powerOff(body, signal)
          await this.#powerOn(body, signal)
        })
      case 'reinstall':
        this.history.setState(device, 'reinstalling')
        return this.#enqueue(body, (signal) => this.#reinstall(body, signal))
      default:
        throw new Error(`unknown action ${String(action satisfies never)}`)
    }
  }

  /** Starts the end of a device, whatever it is doing. */
  remove(device: Device): void {
    const body = this.#bodies.get(device.id)
    if (body === undefined || device.state === 'deprovisioning') return
    body.transitions.abort()
    this.history.setState(device, 'deprovisioning')
    this.#enqueue(body, async (signal) => {
      await sleep(this.#parts.pace.stepMs, undefined, { signal })
      await this.#unplug(body)
      await this.#parts.driver.discard?.(device.id)
      body.chassis.port.hangUp()
      this.#bodies.delete(device.id)
      this.#parts.cloud.devices.delete(device.id)
      this.history.setState(device, 'deleted')
    })
  }

  /**
   * The boot script has run on the machine. The service ends its part here, since it cannot see further, and calls the device
   * active although its system has yet to load.
   */
  connected(device: Device): void {
    this.history.tell(device, ...connectedEvent)
    device.pxeArmed = false
    if (!isInstalling(device)) return
    this.history.tell(device, 'provisioning.110')
    device.percentage = 100
    this.history.setState(device, 'active')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const bodies = [...this.#bodies.values()]
    for (const body of bodies) body.transitions.abort()
    await Promise.all(
      bodies.map(async (body) => {
        await body.transitions.settled
        await this.#unplug(body)
        body.chassis.port.hangUp()
      }),
    )
    this.#bodies.clear()
  }

  #adopt(device: Device): Body {
    const body: Body = { device, chassis: new Chassis(), transitions: new Transitions() }
    this.#parts.cloud.devices.set(device.id, device)
    this.#bodies.set(device.id, body)
    return body
  }

  /** Appends a transition. One that fails makes the device `failed`. */
  #enqueue({ device, transitions }: Body, run: (signal: AbortSignal) => Promise<void>): void {
    transitions.enqueue(run, (error) => this.history.fail(device, describeError(error)))
  }

  #provision(body: Body): void {
    this.#enqueue(body, async (signal) => {
      await sleep(this.#parts.pace.queuedMs, undefined, { signal })
      this.history.setState(body.device, 'provisioning')
      await this.#install(body, signal)
    })
  }

  async #reinstall(body: Body, signal: AbortSignal): Promise<void> {
    await this.#unplug(body)
    await this.#parts.driver.discard?.(body.device.id)
    Object.assign(body.device, { provisioned: {}, percentage: 0, pxeArmed: true })
    await this.#install(body, signal)
  }

  async #install(body: Body, signal: AbortSignal): Promise<void> {
    const { device } = body
    for (const [index, [type]] of provisioningEvents.slice(0, 3).entries()) {
      this.history.tell(device, type)
      device.percentage = 20 * (index + 1)
      if (type === 'provisioning.102') device.networked = true
      await sleep(this.#parts.pace.stepMs, undefined, { signal })
    }
    if (device.operatingSystem.slug !== 'custom_ipxe') {
      return this.history.fail(
        device,
        `The lab cannot install ${device.operatingSystem.name}: it boots custom_ipxe only`,
      )
    }
    await this.#plugIn(body, signal)
  }

  async #powerOn(body: Body, signal: AbortSignal): Promise<void> {
    if (body.chassis.isOn) return this.history.setState(body.device, 'active')
    this.history.setState(body.device, 'powering_on')
    await sleep(this.#parts.pace.stepMs, undefined, { signal })
    await this.#plugIn(body, signal)
    // Off again already: what that did to the state stands.
    if (!body.chassis.isOn) return
    this.history.tell(body.device, 'instance.powered_on', 'Device powered on')
    this.history.setState(body.device, 'active')
  }

  async #powerOff(body: Body, signal: AbortSignal): Promise<void> {
    this.history.setState(body.device, 'powering_off')
    await sleep(this.#parts.pace.stepMs, undefined, { signal })
    await this.#unplug(body)
    this.history.tell(body.device, 'instance.powered_off', 'Device powered off')
    this.history.setState(body.device, 'inactive')
  }

  async #plugIn(body: Body, signal: AbortSignal): Promise<void> {
    const { device } = body
    const spec = {
      id: device.id,
      hostname: device.hostname,
      arch: device.plan.arch,
      cpus: device.plan.cpus,
      memoryMib: device.plan.memoryMib,
      mac: device.macs[0],
      bootUrl: this.#parts.bootUrlOf(device),
    }
    await body.chassis.plugIn(this.#parts.driver, spec, (loss) => this.#wentOff(device, loss))
    signal.throwIfAborted()
  }

  async #unplug(body: Body): Promise<void> {
    try {
      await body.chassis.unplug()
    } catch (error) {
      this.#parts.report.error(`the machine of ${body.device.hostname} did not switch off: ${describeError(error)}`)
    }
  }

  /** A machine went off that nobody switched off. */
  #wentOff(device: Device, loss: PowerLoss): void {
    if (device.state === 'deprovisioning') return
    if (loss.reason === 'failed') return this.history.fail(device, loss.detail)
    if (isInstalling(device)) {
      return this.history.fail(device, 'The machine went off before its boot script ran')
    }
    this.history.tell(device, 'instance.powered_off', 'Device powered off by its operating system')
    if (device.state !== 'powering_off') this.history.setState(device, 'inactive')
  }
}
