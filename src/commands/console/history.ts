// What a cloud has kept of a machine's serial line.
import { heed, within } from '../../deadline.ts'
import { messageOf } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Cloud, MachineRecord } from '../../machine/cloud.ts'

/** A capture takes seconds; longer is not worth the wait. */
const patienceMs = 30_000

/** Reads the machine's output from before its console was reached; undefined for a cloud that does not keep it. */
export function historyReader(
  cloud: Cloud,
  record: MachineRecord,
  { report, clock }: Pick<Context, 'report' | 'clock'>,
): ((signal: AbortSignal) => Promise<string>) | undefined {
  if (cloud.readConsoleHistory === undefined) return undefined
  return async (signal) => {
    try {
      const patience = within(clock?.toRealMs(patienceMs) ?? patienceMs, signal)
      // A cloud that takes back what the reading has made must not hold up the end of the run.
      return (await heed(Promise.resolve(cloud.readConsoleHistory?.(record, patience)), patience)) ?? ''
    } catch (error) {
      signal.throwIfAborted()
      // It is only a help.
      report.detail(`the console's history cannot be read: ${messageOf(error)}`)
      return ''
    }
  }
}
