// The machine's output before its console was reached, as its cloud has kept it, put before what the console shows itself.
import type { ClientChannel } from 'ssh2'
import { settleBefore } from '../deadline.ts'

/** How long a cloud may take; the console waits meanwhile. */
const patienceMs = 30_000
/** Output that both have is looked for at the beginning of the console's. */
const maxLookBytes = 16_384
/** The shortest output that counts as the same. */
const minSameBytes = 16
const newline = 0x0a

/** What the console shows without the part that ends the history: the capture may be later than the console's first bytes. */
export function withoutOverlap(history: Buffer, live: Buffer): Buffer {
  for (let at = 0; at <= Math.min(live.length, maxLookBytes) - minSameBytes; at++) {
    // The console's output begins with a line, or after those of a banner.
    if (at > 0 && live[at - 1] !== newline) continue
    const start = live.subarray(at, at + minSameBytes)
    for (let found = history.indexOf(start); found >= 0; found = history.indexOf(start, found + 1)) {
      const rest = history.subarray(found)
      const common = live.subarray(at, at + rest.length)
      // The shorter of the two begins the other.
      if (rest.subarray(0, common.length).equals(common)) {
        return Buffer.concat([live.subarray(0, at), live.subarray(at + common.length)])
      }
    }
  }
  return live
}

/**
 * Reads what was missed while the console's own output waits in the channel.
 * @param read rejects if there is no history
 * @param onFailure gets the reason, and the console goes on without
 * @returns the missed output, and the console's so far
 */
export async function readMissed(
  channel: ClientChannel,
  read: (signal: AbortSignal) => Promise<string>,
  onFailure: (error: unknown) => void,
  signal: AbortSignal,
): Promise<Buffer> {
  const late = new AbortController()
  const reading = read(AbortSignal.any([signal, late.signal]))
  const history = await settleBefore<string>({ ms: patienceMs, late: () => '', signal }, (resolve) => {
    reading.then(resolve, (error: unknown) => {
      onFailure(error)
      resolve('')
    })
  })
  late.abort(new Error('the history took too long'))
  const waiting: unknown = channel.read()
  const live = Buffer.isBuffer(waiting) ? waiting : Buffer.alloc(0)
  const missed = Buffer.from(history)
  return Buffer.concat([missed, withoutOverlap(missed, live)])
}
