// Waits until a machine's power really is what was asked for.
import type { Clock } from '../../clock.ts'
import { BmcError } from './bmc-error.ts'
import type { PowerState } from './power.ts'

/** How long power may take: emulators and servers take 11 s and more. */
const patienceMs = 90_000
const pollMs = 1000

interface Wait {
  /** The BMC in messages. */
  name: string
  want: 'on' | 'off'
  status: (signal: AbortSignal) => Promise<PowerState>
  clock: Clock
  signal: AbortSignal
}

/**
 * Asks until the state is seen. A BMC that does not answer for a while is asked again.
 * @throws BmcError when the time is over, with what was seen last; or the signal's reason
 */
export async function waitForPower({ name, want, status, clock, signal }: Wait): Promise<void> {
  const endMs = clock.monotonicMs() + patienceMs
  for (;;) {
    let seen: PowerState | BmcError
    try {
      seen = await status(signal)
    } catch (error) {
      if (!(error instanceof BmcError)) throw error
      seen = error
    }
    if (seen === want) return
    if (clock.monotonicMs() >= endMs) {
      const wait = `${patienceMs / 1000} s after the request to switch it ${want}`
      if (seen instanceof BmcError) {
        throw new BmcError(seen.reason, `the machine may be on or off, ${wait}: ${seen.message}`, { cause: seen })
      }
      const state = seen === 'unknown' ? 'cannot say whether the machine is on' : `says that the machine is ${seen}`
      throw new BmcError('late', `${name} still ${state}, ${wait}`)
    }
    await clock.sleep(pollMs, signal)
  }
}
