// The parts of the lab that a device's life needs.
import type { Reporter } from '../../../io.ts'
import type { MachineDriver, Passage } from '../../machines/driver.ts'
import type { Device } from '../device.ts'
import type { Pace } from '../pace.ts'

/** The parts. */
export interface LifeParts {
  noun: 'lab' | 'rack'
  driver: MachineDriver
  pace: Pace
  /** URL of a device's boot script. */
  bootUrlOf: (device: Device) => string
  /** Everything that a device's machine can reach, if machines are isolated. */
  passagesOf?: ((device: Device) => readonly Passage[]) | undefined
  report: Reporter
  /** Aborted when the end of the lab may no longer wait. */
  forced?: AbortSignal | undefined
  /** Called after each change of a device. */
  onChange: () => void
  /** Fulfilled once all changes are on disk. */
  saved?: (() => Promise<void>) | undefined
}
