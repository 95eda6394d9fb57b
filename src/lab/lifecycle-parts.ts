// What the life of devices is made of.
import type { Reporter } from '../io.ts'
import type { Chassis } from './chassis.ts'
import type { Cloud } from './cloud.ts'
import type { Device } from './device.ts'
import type { MachineDriver } from './machines/driver.ts'
import type { Pace } from './pace.ts'
import type { Transitions } from './transitions.ts'

/** What the lab has of a device beyond what the API shows. */
export interface Body {
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
  onChange?: () => void
}

/** Power actions of POST /devices/{id}/actions that the lab can do. */
export type PowerAction = 'power_on' | 'power_off' | 'reboot' | 'reinstall'
