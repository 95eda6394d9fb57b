// Switches a machine's power, and waits until it has the requested state.
import type { Clock } from '../../clock.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { Power, PowerState } from './power.ts'

/** How long power may take: emulators and servers take 11 s and more. */
const usualPatienceMs = 90_000
const pollMs = 1000

interface Switch {
  /** The BMC in messages. */
  name: string
  want: 'on' | 'off'
  power: Pick<Power, 'status'>
  clock: Clock
  signal: AbortSignal
  /** How long it may take. */
  patienceMs?: number | undefined
}

/**
 * Has `request` ask for the state, and waits until it is seen. Does nothing if the machine is in that state.
 * @throws BmcError as `request` and `waitForPower` do; or the signal's reason
 */
export async function switchPower(wanted: Switch, request: () => Promise<unknown>): Promise<void> {
  if ((await wanted.power.status(wanted.signal)) === wanted.want) return
  await request()
  await waitForPower(wanted)
}

/**
 * Asks until the state is seen. A BMC that does not answer for a while is asked again.
 * @throws BmcError when the time is over, with what was seen last; or the signal's reason
 */
export async function waitForPower({
  name,
  want,
  power,
  clock,
  signal,
  patienceMs = usualPatienceMs,
}: Switch): Promise<void> {
  const endMs = clock.monotonicMs() + patienceMs
  for (;;) {
    let seen: PowerState | BmcError
    try {
      seen = await power.status(signal)
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
