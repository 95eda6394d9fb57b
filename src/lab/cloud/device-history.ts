// The record of a device's life: it changes the device's state, adds its events and logs both.
import type { Reporter } from '../../io.ts'
import { createEvent } from './device-events.ts'
import type { Device, DeviceState } from './device.ts'

/** How many events of a device are kept; a machine can send any number of them. */
const maxEvents = 1000

/** Writes state changes and events into devices, and logs them. */
export class DeviceHistory {
  readonly #report: Pick<Reporter, 'detail'>
  readonly #onChange: () => void

  /** `onChange` is called after each change of a device. */
  constructor(report: Pick<Reporter, 'detail'>, onChange: () => void) {
    this.#report = report
    this.#onChange = onChange
  }

  /** Adds an event to a device. */
  tell(device: Device, type: string, text?: string, state?: string): void {
    const event = createEvent(type, text, state)
    device.events.push(event)
    if (device.events.length > maxEvents) device.events.shift()
    if (type.startsWith('provisioning.')) device.provisioned[type] = event
    this.#report.detail(`lab: ${device.hostname}: ${event.body}`)
    this.#onChange()
  }

  /** Moves a device to a state. */
  setState(device: Device, state: DeviceState): void {
    if (device.state === state) return
    this.#report.detail(`lab: ${device.hostname}: ${device.state} -> ${state}`)
    device.state = state
    device.failedAt = null
    device.updatedAt = new Date().toISOString()
    this.#onChange()
  }

  /** Moves a device to `failed`, with an event that says why. */
  fail(device: Device, why: string): void {
    this.tell(device, 'instance.failed', why, 'failed')
    this.setState(device, 'failed')
    device.failedAt = device.updatedAt
  }
}
