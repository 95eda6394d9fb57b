// The serial line's latest output, as Oracle Cloud captures it: what was missed before the console was reached.
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { ConsoleError } from '../errors.ts'
import type { OciClient } from './client.ts'
import type { OciRecord } from './record.ts'
import { runTag } from './schema.ts'

const lookMs = 2000
/** How long the deletion of the capture may take. */
const goodbyeMs = 10_000

/** The last part of a machine's serial line, as Oracle Cloud has captured it. */
export async function readHistory(
  { client, clock }: { client: OciClient; clock: Clock },
  machine: OciRecord,
  signal: AbortSignal,
): Promise<string> {
  const input = { instanceId: machine.id, freeformTags: { [runTag]: machine.mark ?? randomUUID() } }
  const { id } = await client.captureHistory(input, randomUUID(), signal)
  try {
    for (;;) {
      const { lifecycleState } = await client.getHistory(id, signal)
      if (lifecycleState === 'SUCCEEDED') return await client.readHistory(id, signal)
      if (lifecycleState === 'FAILED')
        throw new ConsoleError(`Oracle Cloud could not capture the console of ${machine.id}`)
      await clock.sleep(lookMs, signal)
    }
  } finally {
    // The capture costs nothing and is not a console connection, so its loss is not worth an error.
    await client.deleteHistory(id, AbortSignal.timeout(clock.toRealMs(goodbyeMs))).catch(() => {})
  }
}
