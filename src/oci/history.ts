// The serial line's latest output, as Oracle Cloud captures it: what was missed before the console was reached.
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { within } from '../deadline.ts'
import { ConsoleError } from '../errors.ts'
import type { OciClient } from './client.ts'
import type { OciRecord } from './record.ts'
import { runTag } from './schema.ts'

const lookMs = 2000
/** A capture takes seconds; longer is not worth the wait. */
const patienceMs = 30_000
/** How long the deletion of the capture may take. */
const goodbyeMs = 10_000

/** What of a history came after an earlier one; the oldest output may have been dropped since. */
export function sinceEarlier(history: string, earlier: string): string {
  const [first] = history
  if (first === undefined) return ''
  for (let at = earlier.indexOf(first); at >= 0; at = earlier.indexOf(first, at + 1)) {
    const common = earlier.slice(at)
    if (history.startsWith(common)) return history.slice(common.length)
  }
  return history
}

interface Surroundings {
  client: OciClient
  clock: Clock
}

/** The last part of a machine's serial line, as Oracle Cloud has captured it. */
async function capture({ client, clock }: Surroundings, machine: OciRecord, signal: AbortSignal): Promise<string> {
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

/** The histories of machines, without what they printed before this run booted them again. */
export class Histories {
  readonly #parts: Surroundings
  /** What each has printed before; undefined if it could not be captured. */
  readonly #earlier = new Map<string, string | undefined>()

  constructor(parts: Surroundings) {
    this.#parts = parts
  }

  /** Sets aside what a machine has printed until now. */
  async setAside(machine: OciRecord, signal: AbortSignal): Promise<void> {
    const patience = within(this.#parts.clock.toRealMs(patienceMs), signal)
    const earlier = await capture(this.#parts, machine, patience).catch(() => undefined)
    signal.throwIfAborted()
    this.#earlier.set(machine.id, earlier)
  }

  /** What a machine has printed since, as far as Oracle Cloud has kept it; '' if it cannot be told from what it printed before. */
  async read(machine: OciRecord, signal: AbortSignal): Promise<string> {
    const earlier = this.#earlier.has(machine.id) ? this.#earlier.get(machine.id) : ''
    return earlier === undefined ? '' : sinceEarlier(await capture(this.#parts, machine, signal), earlier)
  }
}
