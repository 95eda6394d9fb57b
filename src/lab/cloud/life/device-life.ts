// The life of one device: its transitions, one at a time, and what becomes of it if its machine goes off.
import { untilAborted } from '../../../deadline.ts'
import { describeError } from '../../../errors.ts'
import { TaskQueue } from '../../../task-queue.ts'
import type { PowerLoss } from '../../machines/driver.ts'
import { Chassis, type ChassisHooks } from './chassis.ts'
import { createEvent } from '../device-events.ts'
import { addEvent, type Device, freshInstallation } from '../device.ts'
import { changeState, isInstalling, type PowerAction } from '../device-state.ts'
import { endInTime } from './ending.ts'
import { Installation } from './installation.ts'
import { pause } from '../pace.ts'
import type { LifeParts } from './life-parts.ts'
import { specOf } from './machine-spec.ts'
import { type PowerParts, DevicePower } from './device-power.ts'

/** Moves one device through its states, one transition at a time. Disposing it switches the machine off and waits until it is off. */
export class DeviceLife implements AsyncDisposable {
  readonly device: Device
  readonly chassis: Chassis
  readonly #transitions = new TaskQueue()
  readonly #parts: LifeParts
  readonly #power: DevicePower
  readonly #installation: Installation
  #hasEnded = false

  constructor(device: Device, parts: LifeParts) {
    this.device = device
    this.#parts = parts
    this.chassis = new Chassis({
      driver: parts.driver,
      saved: device.machine === undefined ? undefined : parts.saved,
      patience: {
        retryMs: parts.pace.retryMs,
        onTrouble: (why) => {
          parts.report.warn(`${device.hostname}: ${why}`)
          this.tell('instance.waiting', why)
        },
      },
      spec: () =>
        specOf(device, parts.bootUrlOf(device), {
          passages: parts.passagesOf?.(device),
          attended: this.chassis.port.attended,
        }),
      hooks: (signal) => this.#hooks(signal),
    })
    const powerParts: PowerParts = {
      device,
      chassis: this.chassis,
      record: {
        tell: (type, text) => this.tell(type, text),
        setState: (state) => this.#setState(state),
        fail: (why) => this.#fail(why),
      },
      pace: parts.pace,
    }
    this.#power = new DevicePower(powerParts)
    this.#installation = new Installation({
      ...powerParts,
      installs: parts.driver.installs === true,
      onOverdue: (why) => {
        this.#transitions.abort()
        this.#fail(why)
      },
    })
  }

  /** Starts provisioning a queued device. */
  provision(): void {
    this.#enqueue(async (signal) => {
      await pause(this.#parts.pace.queuedMs, signal)
      if (this.device.plight === 'stuck-queued') await untilAborted(signal)
      this.#setState('provisioning')
      await this.#install(signal)
    })
  }

  /**
   * Resumes a device after a restart of the lab: an unfinished installation or power action starts again, and the state follows the
   * machine, which may have ended with the lab.
   */
  resume(): void {
    const { device } = this
    if (device.state === 'queued') this.provision()
    else this.#enqueue((signal) => this.#resume(signal))
  }

  async #resume(signal: AbortSignal): Promise<void> {
    const { device } = this
    const { state } = device
    await this.chassis.reattach(signal)
    if (state === 'failed') return await this.chassis.unplug(signal)
    if (isInstalling(this.device)) return await this.#reinstall(signal)
    if (state === 'powering_off') await this.#power.turnOff(signal)
    if (state === 'powering_on' || this.device.rebooting) return await this.#power.turnOn(signal)
    if (this.chassis.isOn) return this.#setState('active')
    if (state === 'active')
      this.tell(
        'instance.powered_off',
        this.#parts.noun === 'lab' ? 'Device powered off with the lab' : 'Device was off when the rack started',
      )
    this.#setState('inactive')
  }

  /** Starts a power action. The device's state shows it at once. */
  act(action: PowerAction): void {
    const { device } = this
    switch (action) {
      case 'power_on':
        if (!this.chassis.isOn || device.state !== 'active') this.#setState('powering_on')
        return this.#enqueue((signal) => this.#power.turnOn(signal))
      case 'power_off':
        this.#setState('powering_off')
        this.#enqueue((signal) => this.#power.turnOff(signal))
        return this.#enqueue(async () => this.chassis.port.endSession())
      case 'reboot':
      case 'rescue':
        this.device.rebooting = true
        this.#setState('powering_off')
        return this.#enqueue((signal) => this.#power.reboot(signal, action === 'rescue'))
      case 'reinstall':
        this.#setState('reinstalling')
        return this.#enqueue((signal) => this.#reinstall(signal))
      default:
        throw new Error(`unknown action ${String(action satisfies never)}`)
    }
  }

  /** The boot script has run on the machine. */
  connected(): void {
    this.#installation.connected()
  }

  /** Starts deleting the device, whatever it is doing. `onGone` is called once every trace of its machine is gone. */
  end(onGone: () => void): void {
    if (this.device.state === 'deprovisioning') return
    this.#installation[Symbol.dispose]()
    this.#transitions.abort()
    this.#setState('deprovisioning')
    this.deprovision(onGone)
  }

  /** Deletes a device that is deprovisioning. Its machine is free only once it is known to be off. */
  deprovision(onGone: () => void): void {
    this.#enqueue(async (signal) => {
      await pause(this.#parts.pace.stepMs, signal)
      await this.chassis.clear(signal)
      this.chassis.port.hangUp()
      onGone()
      this.#setState('deleted')
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#installation[Symbol.dispose]()
    this.#transitions.abort()
    this.#hasEnded = true
    const { pace, forced, report } = this.#parts
    const isDone = await endInTime({ endMs: pace.endMs, forced }, async (signal) => {
      await this.#transitions.settled
      await this.chassis.leave(signal)
    })
    if (!isDone) report.warn(`${this.device.hostname}: its machine did not end in time, and may still be on`)
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

  /** Moves the device to `failed`, with an event that says why. Its machine goes off, or is seen to be off. */
  #fail(why: string): void {
    this.tell('instance.failed', why, 'failed')
    this.#setState('failed')
    this.#enqueue((signal) => this.chassis.unplug(signal))
  }

  #changed(what: string): void {
    this.#parts.report.detail(`${this.#parts.noun}: ${this.device.hostname}: ${what}`)
    this.#parts.onChange()
  }

  /** Appends a transition. If it fails, the device becomes `failed`. */
  #enqueue(run: (signal: AbortSignal) => Promise<void>): void {
    if (!this.#hasEnded) this.#transitions.add(run, (error) => this.#fail(describeError(error)))
  }

  async #reinstall(signal: AbortSignal): Promise<void> {
    // A device keeps its machine of the inventory; one that the lab makes is made anew.
    if (this.device.machine === undefined) await this.chassis.clear(signal)
    else await this.chassis.unplug(signal)
    Object.assign(this.device, freshInstallation())
    await this.#install(signal)
  }

  async #install(signal: AbortSignal): Promise<void> {
    const { plight } = this.device
    if (plight === 'fails') return this.#fail('The installation failed')
    if (plight !== undefined) await untilAborted(signal)
    await this.#installation.run(signal)
  }

  #hooks(signal: AbortSignal): ChassisHooks {
    const { device } = this
    const wasArmed = device.pxeArmed
    return {
      signal,
      onLoss: (loss) => this.#wentOff(loss),
      onRestart: () => {
        // The system that it was booting from the network is not installed yet, or only in part.
        device.pxeArmed ||= wasArmed
        this.tell('instance.restarted', 'Device restarted: its machine had stopped')
      },
      onStep: (text) => this.tell('instance.step', text),
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
