// Shutdown work with a time limit.
import { abortAfter, heed } from '../../../deadline.ts'

/** How long the shutdown may still take after `forced` aborts. */
const forcedMs = 3000

/**
 * Waits for work to end, at most `endMs`, or `forcedMs` once `forced` aborts. Then the work's signal aborts.
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
