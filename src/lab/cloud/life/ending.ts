// The end of the lab: work that is waited for, but not forever.
import { abortAfter, heed } from '../../../deadline.ts'

/** How long the end of the lab waits once the user will not. */
const forcedMs = 3000

/**
 * Waits for work to end: at most `endMs`, and not long once `forced` aborts. The work's signal aborts when nobody waits any longer.
 * @returns whether it has ended
 */
export async function endInTime(
  { endMs, forced }: { endMs: number; forced: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  using late = abortAfter(AbortSignal.abort(), endMs)
  using rush = abortAfter(forced ?? new AbortController().signal, forcedMs)
  const signal = AbortSignal.any([late.signal, rush.signal])
  try {
    await heed(work(signal), signal)
    return true
  } catch (error) {
    if (!signal.aborted) throw error
    return false
  }
}
