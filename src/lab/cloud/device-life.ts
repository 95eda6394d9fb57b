// The life of one device: it switches the machine in the chassis on and off, moves the device through its states and adds its events.
import { setTimeout as sleep } from 'node:timers/promises'

import { describeError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { TaskQueue } from '../../task-queue.ts'
import type { MachineDriver, Passage, PowerLoss } from '../machines/driver.ts'
import { Chassis, specOf } from './chassis.ts'
import { completeEvent, connectedEvent, createEvent, installationSteps } from './device-events.ts'
import { addEvent, changeState, type Device, freshInstallation, isInstalling, type PowerAction } from './device.ts'
import { watchInstallation } from './installation-watch.ts'
import { type Pace, pauseForStep } from './pace.ts'

/** The parts of the lab that a device's life needs. */
export interface LifeParts {
  driver: MachineDriver
  pace: Pace
  /** URL of a device's boot script. */
  bootUrlOf: (device: Device) => string
  /** Everything that a device's machine can reach, if machines are isolated. */
  passagesOf?: ((device: Device) => readonly Passage[]) | undefined
  report: Reporter
  /** Called after each change of a device. */
  onChange: () => void
}

/** Moves one device through its states, one transition at a time. Disposing it switches the machine off and waits until it is off. */
export class DeviceLife implements AsyncDisposable {
  readonly device: Device
  readonly chassis = new Chassis()
  readonly #transitions = new TaskQueue()
  readonly #parts: LifeParts
  #installation: Disposable | undefined

  constructor(device: Device, parts: LifeParts) {
    this.device = device
    this.#parts = parts
  }

  /** Starts provisioning a queued device. */
  provision(): void {
    this.#enqueue(async (signal) => {
      await sleep(this.#parts.pace.queuedMs, undefined, { signal })
      this.#setState('provisioning')
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
    this.tell('instance.powered_off', 'Device powered off with the lab')
    this.#setState('inactive')
  }

  /** Starts a power action. The device's state shows it at once. */
  act(action: PowerAction): void {
    const { device } = this
    switch (action) {
      case 'power_on':
        if (!this.chassis.isOn || device.state !== 'active') this.#setState('powering_on')
        return this.#enqueue((signal) => this.#powerOn(signal))
      case 'power_off':
        this.#setState('powering_off')
        this.#enqueue((signal) => this.#powerOff(signal))
        return this.#enqueue(async () => this.chassis.port.endSession())
      case 'reboot':
      case 'rescue':
        this.#setState('powering_off')
        return this.#enqueue(async (signal) => {
          await this.#powerOff(signal)
          await this.#powerOn(signal, action === 'rescue')
        })
      case 'reinstall':
        this.#setState('reinstalling')
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
    if (isInstalling(device)) this.tell('provisioning.104')
    this.tell(...connectedEvent)
    device.pxeArmed = false
    if (isInstalling(device)) this.#complete()
  }

  #complete(): void {
    const { device } = this
    this.tell('provisioning.110')
    this.tell(...completeEvent)
    device.percentage = 100
    device.readyAt = new Date().toISOString()
    this.#setState('active')
  }

  /** Starts deleting the device, whatever it is doing. `onGone` is called once every trace of its machine is gone. */
  end(onGone: () => void): void {
    if (this.device.state === 'deprovisioning') return
    this.#installation?.[Symbol.dispose]()
    this.#transitions.abort()
    this.#setState('deprovisioning')
    this.#enqueue(async (signal) => {
      await pauseForStep(this.#parts.pace, signal)
      await this.#unplug()
      await this.#parts.driver.discard?.(this.device.id)
      this.chassis.port.hangUp()
      onGone()
      this.#setState('deleted')
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#installation?.[Symbol.dispose]()
    this.#transitions.abort()
    await this.#transitions.settled
    await this.#unplug()
    this.chassis.port.hangUp()
  }

  /** Adds an event to the device. */
  tell(type: string, text?: string, state?: string): void {
    const event = createEvent(type, text, state)
    addEvent(this.device, event)
    this.#changed(event.body)
  }

  #setState(state: Device['state']): void {
    const { state: before } = this.device
    if (before === state) return
    changeState(this.device, state)
    this.#changed(`${before} -> ${state}`)
  }

  /** Moves the device to `failed`, with an event that says why. */
  #fail(why: string): void {
    this.tell('instance.failed', why, 'failed')
    this.#setState('failed')
  }

  #changed(what: string): void {
    this.#parts.report.detail(`lab: ${this.device.hostname}: ${what}`)
    this.#parts.onChange()
  }

  /** Appends a transition. If it fails, the device becomes `failed`. */
  #enqueue(run: (signal: AbortSignal) => Promise<void>): void {
    this.#transitions.add(run, (error) => this.#fail(describeError(error)))
  }

  async #reinstall(signal: AbortSignal): Promise<void> {
    await this.#unplug()
    await this.#parts.driver.discard?.(this.device.id)
    Object.assign(this.device, freshInstallation())
    await this.#install(signal)
  }

  async #install(signal: AbortSignal): Promise<void> {
    const { device } = this
    this.#installation?.[Symbol.dispose]()
    this.#installation = watchInstallation(device, this.chassis, this.#parts.pace.provisioningMs, (why) => {
      this.#transitions.abort()
      this.#fail(why)
      this.#enqueue(() => this.#unplug())
    })
    const { slug, name } = device.operatingSystem
    const installs = slug !== 'custom_ipxe' && this.#parts.driver.installs === true
    for (const { type, percentage } of installationSteps(installs)) {
      this.tell(type)
      device.percentage = percentage
      if (type === 'provisioning.102') device.networked = true
      await pauseForStep(this.#parts.pace, signal)
    }
    if (slug !== 'custom_ipxe' && !installs) {
      return this.#fail(`The lab cannot install ${name}: machines in QEMU boot custom_ipxe only`)
    }
    await this.#plugIn(signal)
    if (installs && this.chassis.isOn) this.#complete()
  }

  async #powerOn(signal: AbortSignal, inRescue = false): Promise<void> {
    if (this.chassis.isOn) return this.#setState('active')
    this.device.inRescue = inRescue
    this.#setState('powering_on')
    await pauseForStep(this.#parts.pace, signal)
    await this.#plugIn(signal)
    // The machine is already off again, and #wentOff has set the state.
    if (!this.chassis.isOn) return
    this.tell('instance.powered_on', 'Device powered on')
    this.#setState('active')
  }

  async #powerOff(signal: AbortSignal): Promise<void> {
    this.#setState('powering_off')
    await pauseForStep(this.#parts.pace, signal)
    await this.#unplug()
    this.tell('instance.powered_off', 'Device powered off')
    this.#setState('inactive')
  }

  async #plugIn(signal: AbortSignal): Promise<void> {
    const { device } = this
    const spec = specOf(device, this.#parts.bootUrlOf(device), {
      passages: this.#parts.passagesOf?.(device),
      attended: this.chassis.port.attended,
    })
    const wasArmed = device.pxeArmed
    await this.chassis.plugIn(this.#parts.driver, spec, {
      onLoss: (loss) => this.#wentOff(loss),
      onRestart: () => {
        // The system that it was booting from the network is not installed yet, or only in part.
        device.pxeArmed ||= wasArmed
        this.tell('instance.restarted', 'Device restarted: its machine had stopped')
      },
    })
    signal.throwIfAborted()
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
    if (loss.reason === 'failed') return this.#fail(loss.detail)
    if (isInstalling(device)) {
      return this.#fail('The machine went off before its boot script ran')
    }
    this.tell('instance.powered_off', 'Device powered off by its operating system')
    if (device.state !== 'powering_off') this.#setState('inactive')
  }
}
