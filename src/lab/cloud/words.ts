// The words of the cloud that a lab is.
import type { Device } from './device.ts'

/** What a cloud calls the parts of a machine, for the lab's page and tables. */
export interface CloudWords {
  /** Its word for a plan, with a capital. */
  plan: string
  /** Its word for where a machine is. */
  place: string
  stateOf: (device: Device) => string
  placeOf: (device: Device) => string
}
