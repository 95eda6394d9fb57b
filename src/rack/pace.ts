// How long the cloud of a rack takes for its own steps. Its machines take minutes anyway, so it adds nothing.
import { bootingPace, type Pace } from '../lab/cloud/pace.ts'

/** The pace of a rack whose machines may take this long to run their boot script. */
export function rackPace(provisioningMs: number): Pace {
  // A failed device is shown longer than in a lab: a person may have to walk to its machine.
  return { ...bootingPace, retryMs: 5000, provisioningMs, failedMs: 600_000 }
}
