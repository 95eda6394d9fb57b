// The power switch of a device: it switches the machine on and off, and the device's state and events follow.
import type { Chassis } from './chassis.ts'
import type { Device } from '../device.ts'
import { type Pace, pause } from '../pace.ts'

/** Changes to a device. */
export interface DeviceRecord {
  /** Adds an event. */
  tell(type: string, text?: string): void
  setState(state: Device['state']): void
  /** Moves the device to `failed`, with an event that says why. */
  fail(why: string): void
}

/** The parts of a power switch. */
export interface PowerParts {
  device: Device
  chassis: Chassis
  record: DeviceRecord
  pace: Pace
}

/** Switches the machine of a device on and off. */
export class DevicePower {
  readonly #parts: PowerParts

  constructor(parts: PowerParts) {
    this.#parts = parts
  }

  async turnOn(signal: AbortSignal, inRescue = false): Promise<void> {
    const { device, chassis, record, pace } = this.#parts
    if (chassis.isOn) {
      device.rebooting = false
      return record.setState('active')
    }
    device.inRescue = inRescue
    record.setState('powering_on')
    await pause(pace.stepMs, signal)
    await chassis.plugIn(signal)
    signal.throwIfAborted()
    device.rebooting = false
    // The machine is already off again, and its loss has set the state.
    if (!chassis.isOn) return
    record.tell('instance.powered_on', 'Device powered on')
    record.setState('active')
  }

  /** Restarts the machine, by a reset if it has one. */
  async reboot(signal: AbortSignal, inRescue = false): Promise<void> {
    const { device, chassis, record, pace } = this.#parts
    // A reset does not change what system a machine boots.
    if (!inRescue && !device.inRescue && (await chassis.reset(signal))) {
      await pause(pace.stepMs, signal)
      device.rebooting = false
      record.tell('instance.rebooted', 'Device rebooted')
      return record.setState('active')
    }
    await this.turnOff(signal)
    await this.turnOn(signal, inRescue)
  }

  async turnOff(signal: AbortSignal): Promise<void> {
    const { chassis, record, pace } = this.#parts
    record.setState('powering_off')
    await pause(pace.stepMs, signal)
    await chassis.unplug(signal)
    record.tell('instance.powered_off', 'Device powered off')
    record.setState('inactive')
  }
}
