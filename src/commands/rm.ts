import { createInterface } from 'node:readline/promises'
import { UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import type { Cloud, MachineRecord } from '../machine/cloud.ts'
import { deleteUntilGone } from '../machine/delete.ts'
import { plainText } from '../text/plain-text.ts'
import { openCloud } from './shared/api.ts'
import { sayOnInterrupt } from './shared/interrupt-notice.ts'
import type { RmOptions } from '../options/command-flags.ts'

/** Asks on the terminal; anything but yes is no. */
async function confirm(question: string, { stdin, stderr, signal }: Context): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim())
  } finally {
    lines.close()
  }
}

/** The machine with an id, or the machines with a run's mark, which a run names if it does not know their ids. */
async function find(name: string, cloud: Cloud, { signal }: Context): Promise<MachineRecord[]> {
  if (name.startsWith(cloud.markOf(''))) return await cloud.list(name, signal)
  return [await cloud.get(encodeURIComponent(name), signal)]
}

/** A machine's age by the API's clock; 0 without a creation time. */
function ageOf({ createdAt }: MachineRecord, nowMs: number): number {
  return createdAt === undefined ? 0 : Math.max(0, nowMs - Date.parse(createdAt))
}

/** The machines to delete: the named ones, or metalkit's machines that are older than --older-than. */
async function select(
  ids: readonly string[],
  options: RmOptions,
  cloud: Cloud,
  context: Context,
): Promise<MachineRecord[]> {
  if (options.olderThan === undefined) {
    const named = (await Promise.all(ids.map((id) => find(id, cloud, context)))).flat()
    const foreign = named.find(({ isOurs }) => !isOurs)
    if (foreign !== undefined) {
      throw new UsageError(`the machine "${foreign.id}" was not created by metalkit (${cloud.whyForeign})`, {
        hint: "metalkit ls lists the machines that were; delete others with the cloud's own tools",
      })
    }
    return named
  }
  const { olderThan } = options
  const machines = await cloud.list(undefined, context.signal)
  const nowMs = cloud.nowMs()
  return machines.filter((machine) => ageOf(machine, nowMs) >= olderThan)
}

/** `rm`: deletes machines, for example those left behind by a kill or a power cut. */
export async function execute(
  { id: ids }: { id: readonly string[] },
  options: RmOptions,
  context: Context,
): Promise<void> {
  const { report, stdin, forced } = context
  if ((ids.length === 0) === (options.olderThan === undefined)) {
    const wrong =
      ids.length === 0 ? 'rm needs machine ids or --older-than' : 'rm takes machine ids or --older-than, not both'
    throw new UsageError(wrong, { hint: 'metalkit ls lists the machines' })
  }
  const cloud = await openCloud(options, context)
  const machines = await select(ids, options, cloud, context)
  if (machines.length === 0)
    return report.info(options.olderThan === undefined ? 'No machines.' : 'No machine is that old.')
  if (options.olderThan !== undefined && !options.yes) {
    const list = plainText(machines.map(({ id, hostname }) => `${id} (${hostname})`).join(', '))
    if (!stdin.isTTY) throw new UsageError(`would delete ${list}`, { hint: 'add --yes to delete without confirmation' })
    if (!(await confirm(`Delete ${list}?`, context))) return report.info('Nothing was deleted.')
  }
  using _notice = sayOnInterrupt(context, 'the deletion continues')
  const outcomes = await Promise.allSettled(
    machines.map(async (machine) => {
      const { id } = machine
      await deleteUntilGone(cloud, machine, report, forced)
      report.info(`The machine ${id} is deleted.`)
    }),
  )
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures)
}
