// metalkit lab status: lists the running labs on this computer.
import type { Context } from '../../io.ts'
import { askLab } from '../../lab/storage/ask-lab.ts'
import { listRunningLabs, type RunningLab } from '../../lab/storage/running-labs.ts'
import type { Options } from '../../options/flags.ts'
import { formatAge } from '../../text/duration.ts'
import { formatTable } from '../../text/table.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'
import { noLab } from './find-lab.ts'

/** Counts a lab's machines by state, `2 (1 active, 1 inactive)`; or says that the lab does not answer. */
async function describeMachines(lab: RunningLab, signal: AbortSignal): Promise<string> {
  try {
    const answer = await askLab(lab, { method: 'GET', path: '/lab/devices', signal })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab's own answer
    const { devices } = answer as { devices: { state: string }[] }
    const counts = new Map<string, number>()
    for (const { state } of devices) counts.set(state, (counts.get(state) ?? 0) + 1)
    const parts = [...counts].map(([state, count]) => `${count} ${state}`)
    return parts.length === 0 ? '0' : `${devices.length} (${parts.join(', ')})`
  } catch {
    signal.throwIfAborted()
    return 'does not answer'
  }
}

/** Prints a table of all labs, or only of the named lab. */
export async function execute(
  _args: unknown,
  { labName }: Options<'labName'>,
  { env, stdout, report, signal }: Context,
): Promise<void> {
  const running = await listRunningLabs(stateFolderOf(env))
  const labs = running.filter((lab) => labName === undefined || lab.name === labName)
  if (labs.length === 0 && labName !== undefined) throw noLab(labName)
  if (labs.length === 0) return report.info('No labs.')
  const rows = await Promise.all(
    labs.map(async (lab) => [
      lab.name ?? '-',
      lab.process.split(' ')[0] ?? '',
      formatAge(Date.now() - Date.parse(lab.startedAt)),
      lab.apiUrl,
      await describeMachines(lab, signal),
    ]),
  )
  stdout.write(formatTable([['NAME', 'PROCESS', 'AGE', 'API', 'MACHINES'], ...rows], stdout.columns))
}
