// The life of one device: it switches the machine in the chassis on and off, and moves the device through its states.
import { setTimeout as sleep } from 'node:timers/promises'

import { describeError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { Chassis, specOf } from './chassis.ts'
import { completeEvent, connectedEvent, installationSteps } from './device-events.ts'
import type { DeviceHistory } from './device-history.ts'
import { type Device, freshInstallation, isInstalling } from './device.ts'
import type { MachineDriver, Passage, PowerLoss } from '../machines/driver.ts'
import type { Pace } from './pace.ts'
import { Transitions } from './transitions.ts'

/** The parts of the lab that a device's life needs. */
export interface LifeParts {
  driver: MachineDriver
  pace: Pace
  /** URL of a device's boot script. */
  bootUrlOf: (device: Device) => string
  /** Everything that a device's machine can reach, if machines are isolated. */
  passagesOf?: ((device: Device) => readonly Passage[]) | undefined
  report: Reporter
  /** Records state changes and events of devices. */
  history: DeviceHistory
}

/** The power actions of POST /devices/{id}/actions that the lab supports. */
export type PowerAction = 'power_on' | 'power_off' | 'reboot' | 'rescue' | 'reinstall'

/** Moves one device through its states, one transition at a time. Disposing it switches the machine off and waits until it is off. */
export class DeviceLife implements AsyncDisposable {
  readonly device: Device
  readonly chassis = new Chassis()
  readonly #transitions = new Transitions()
  readonly #parts: LifeParts
  #watch: NodeJS.Timeout | undefined

  constructor(device: Device, parts: LifeParts) {
    this.device = device
    this.#parts = parts
  }

  /** Starts provisioning a queued device. */
  provision(): void {
    this.#enqueue(async (signal) => {
      await sleep(this.#parts.pace.queuedMs, undefined, { signal })
      this.#history.setState(this.device, 'provisioning')
      await this.#install(signal)
    })
  }

  /** Resumes a device after a restart of the lab, with which its machine ended: a running device is now off, an unfinished installation
   * starts again. */
  resume(): void {
    const { device } = this
    if (device.state === 'queued') return this.provision()
    if (isInstalling(device)) return this.#enqueue((signal) => this.#reinstall(signal))
    if (device.state === 'inactive' || device.state === 'failed') return
    this.#history.tell(device, 'instance.powered_off', 'Device powered off with the lab')
    this.#history.setState(device, 'inactive')
  }

  /** Starts a power action. The device's state shows it at once. */
  act(action: PowerAction): void {
    const { device } = this
    switch (action) {
      case 'power_on':
        if (!this.chassis.isOn || device.state !== 'active') this.#history.setState(device, 'powering_on')
        return this.#enqueue((signal) => this.#powerOn(signal))
      case 'power_off':
        this.#history.setState(device, 'powering_off')
        this.#enqueue((signal) => this.#powerOff(signal))
        return this.#enqueue(async () => this.chassis.port.endSession())
      case 'reboot':
      case 'rescue':
        this.#history.setState(device, 'powering_off')
        return this.#enqueue(async (signal) => {
          await this.#powerOff(signal)
          await this.#powerOn(signal, action === 'rescue')
        })
      case 'reinstall':
        this.#history.setState(device, 'reinstalling')
        return this.#enqueue((signal) => this.#reinstall(signal))
      default:
        throw new Error(`unknown action ${String(action satisfies never)}`)
    }
  }

  /**
   * The boot script has run on the machine. Provisioning ends here: the service cannot see any further, so it calls the device
   * active although its system has not loaded yet.
   */
  connected(): void {
    const { device } = this
    if (isInstalling(device)) this.#history.tell(device, 'provisioning.104')
    this.#history.tell(device, ...connectedEvent)
    device.pxeArmed = false
    if (isInstalling(device)) this.#complete()
  }

  #complete(): void {
    const { device } = this
    this.#history.tell(device, 'provisioning.110')
    this.#history.tell(device, ...completeEvent)
    device.percentage = 100
    device.readyAt = new Date().toISOString()
    this.#history.setState(device, 'active')
  }

  /** Starts deleting the device, whatever it is doing. `onGone` is called once nothing of its machine is left. */
  end(onGone: () => void): void {
    if (this.device.state === 'deprovisioning') return
    clearInterval(this.#watch)
    this.#transitions.abort()
    this.#history.setState(this.device, 'deprovisioning')
    this.#enqueue(async (signal) => {
      await sleep(this.#parts.pace.stepMs, undefined, { signal })
      await this.#unplug()
      await this.#parts.driver.discard?.(this.device.id)
      this.chassis.port.hangUp()
      onGone()
      this.#history.setState(this.device, 'deleted')
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch)
    this.#transitions.abort()
    await this.#transitions.settled
    await this.#unplug()
    this.chassis.port.hangUp()
  }

  get #history(): DeviceHistory {
    return this.#parts.history
  }

  /** Appends a transition. If it fails, the device becomes `failed`. */
  #enqueue(run: (signal: AbortSignal) => Promise<void>): void {
    this.#transitions.enqueue(run, (error) => this.#history.fail(this.device, describeError(error)))
  }

  async #reinstall(signal: AbortSignal): Promise<void> {
    await this.#unplug()
    await this.#parts.driver.discard?.(this.device.id)
    Object.assign(this.device, freshInstallation())
    await this.#install(signal)
  }

  async #install(signal: AbortSignal): Promise<void> {
    const { device } = this
    this.#watchInstallation()
    const { slug, name } = device.operatingSystem
    const installs = slug !== 'custom_ipxe' && this.#parts.driver.installs === true
    for (const { type, percentage } of installationSteps(installs)) {
      this.#history.tell(device, type)
      device.percentage = percentage
      if (type === 'provisioning.102') device.networked = true
      await sleep(this.#parts.pace.stepMs, undefined, { signal })
    }
    if (slug !== 'custom_ipxe' && !installs) {
      return this.#history.fail(device, `The lab cannot install ${name}: machines in QEMU boot custom_ipxe only`)
    }
    await this.#plugIn(signal)
    if (installs && this.chassis.isOn) this.#complete()
  }

  async #powerOn(signal: AbortSignal, inRescue = false): Promise<void> {
    if (this.chassis.isOn) return this.#history.setState(this.device, 'active')
    this.device.inRescue = inRescue
    this.#history.setState(this.device, 'powering_on')
    await sleep(this.#parts.pace.stepMs, undefined, { signal })
    await this.#plugIn(signal)
    // The machine is off again already, and going off has set the state.
    if (!this.chassis.isOn) return
    this.#history.tell(this.device, 'instance.powered_on', 'Device powered on')
    this.#history.setState(this.device, 'active')
  }

  async #powerOff(signal: AbortSignal): Promise<void> {
    this.#history.setState(this.device, 'powering_off')
    await sleep(this.#parts.pace.stepMs, undefined, { signal })
    await this.#unplug()
    this.#history.tell(this.device, 'instance.powered_off', 'Device powered off')
    this.#history.setState(this.device, 'inactive')
  }

  async #plugIn(signal: AbortSignal): Promise<void> {
    const { device } = this
    const spec = specOf(device, this.#parts.bootUrlOf(device), this.#parts.passagesOf?.(device))
    const wasArmed = device.pxeArmed
    await this.chassis.plugIn(this.#parts.driver, spec, {
      onLoss: (loss) => this.#wentOff(loss),
      onRestart: () => {
        // The system that it was booting from the network is not installed yet, or only in part.
        device.pxeArmed ||= wasArmed
        this.#history.tell(device, 'instance.restarted', 'Device restarted: its machine had stopped')
      },
    })
    signal.throwIfAborted()
  }

  /** Fails a device whose machine never runs its boot script: while it is provisioning nobody could delete it. */
  #watchInstallation(): void {
    clearInterval(this.#watch)
    const { provisioningMs } = this.#parts.pace
    const endMs = performance.now() + provisioningMs
    this.#watch = setInterval(
      () => {
        if (!isInstalling(this.device)) return clearInterval(this.#watch)
        if (performance.now() < endMs) return this.chassis.checkStall()
        clearInterval(this.#watch)
        this.#transitions.abort()
        const { lastLine } = this.chassis
        const lastOutput = lastLine === '' ? 'none' : `"${lastLine}"`
        const within = `within ${provisioningMs / 60_000} minutes`
        this.#history.fail(this.device, `The boot script did not run ${within}; last output: ${lastOutput}`)
        this.#enqueue(() => this.#unplug())
      },
      Math.min(1000, provisioningMs / 4),
    )
  }

  async #unplug(): Promise<void> {
    try {
      await this.chassis.unplug()
    } catch (error) {
      this.#parts.report.error(`the machine of ${this.device.hostname} did not switch off: ${describeError(error)}`)
    }
  }

  /** The machine went off by itself. */
  #wentOff(loss: PowerLoss): void {
    const { device } = this
    if (device.state === 'deprovisioning') return
    this.chassis.port.endSession()
    if (loss.reason === 'failed') return this.#history.fail(device, loss.detail)
    if (isInstalling(device)) {
      return this.#history.fail(device, 'The machine went off before its boot script ran')
    }
    this.#history.tell(device, 'instance.powered_off', 'Device powered off by its operating system')
    if (device.state !== 'powering_off') this.#history.setState(device, 'inactive')
  }
}
