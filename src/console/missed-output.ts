// The machine's output before its console was reached, as its cloud has kept it, put before what the console shows itself.
import type { ClientChannel } from 'ssh2'

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
    for (let from = history.indexOf(start); from >= 0; from = history.indexOf(start, from + 1)) {
      const rest = history.subarray(from)
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
 * @returns the missed output, and the console's so far
 */
export async function readMissed(
  channel: ClientChannel,
  read: (signal: AbortSignal) => Promise<string>,
  signal: AbortSignal,
): Promise<Buffer> {
  const missed = Buffer.from(await read(signal))
  const waiting: unknown = channel.read()
  const live = Buffer.isBuffer(waiting) ? waiting : Buffer.alloc(0)
  return Buffer.concat([missed, withoutOverlap(missed, live)])
}
