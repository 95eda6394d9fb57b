// What becomes known of a device's life: each change of its state, and the events that tell of it.
import type { Reporter } from '../../io.ts'
import { createEvent } from './device-events.ts'
import type { Device, DeviceState } from './device.ts'

/** Events that are kept of a device; machines can add to them without end. */
const maxEvents = 1000

/** Writes into devices what happens to them, and says so. */
export class DeviceHistory {
  readonly #report: Pick<Reporter, 'detail'>
  readonly #onChange: () => void

  /** `onChange` is told of each change of a device. */
  constructor(report: Pick<Reporter, 'detail'>, onChange: () => void) {
    this.#report = report
    this.#onChange = onChange
  }

  /** Adds an event to a device's. */
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

  /** Makes a device `failed`, and tells why. */
  fail(device: Device, why: string): void {
    this.tell(device, 'instance.failed', why, 'failed')
    this.setState(device, 'failed')
    device.failedAt = device.updatedAt
  }
}
