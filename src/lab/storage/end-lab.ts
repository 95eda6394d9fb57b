// Ends a lab that runs in another process.
import { systemClock } from '../../clock.ts'
import { LabError } from '../../errors.ts'
import { findProcess } from './process-name.ts'
import { kindOf, type RunningLab } from './running-labs.ts'

/** How long a lab may take to switch its machines off. */
const timeoutMs = 60_000
const pollMs = 50

/** Ends a lab and waits until it has ended. @throws LabError if it does not end or cannot be reached; the signal's reason if aborted */
export async function endLab(lab: RunningLab, signal: AbortSignal): Promise<void> {
  const pid = await findProcess(lab.process)
  if (pid === undefined) {
    throw new LabError(`the ${kindOf(lab)} runs in another container, where its process has another number`, {
      hint: 'stop it there',
    })
  }
  process.kill(pid, 'SIGTERM')
  const endMs = Date.now() + timeoutMs
  while ((await findProcess(lab.process)) !== undefined) {
    if (Date.now() > endMs)
      throw new LabError(`the ${kindOf(lab)} (process ${pid}) does not end`, { hint: `run: kill -9 ${pid}` })
    await systemClock.sleep(pollMs, signal)
  }
}
