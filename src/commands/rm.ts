import { UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import type { Cloud, MachineRecord } from '../machine/cloud.ts'
import { deleteUntilGone } from '../machine/delete.ts'
import { plainText } from '../text/plain-text.ts'
import { type CloudRow, cloudOf } from './clouds/clouds.ts'
import { askClouds } from './clouds/ask-clouds.ts'
import { openCloud, optionsFor } from './clouds/open-cloud.ts'
import { confirm } from './shared/confirm.ts'
import { sayOnInterrupt } from './shared/interrupt-notice.ts'
import type { RmOptions } from '../options/command-flags.ts'

/** A machine, and the cloud that it is of. */
interface Target {
  cloud: Cloud
  machine: MachineRecord
}

/** The machines with these ids, and those with these marks of runs, which a run names if it does not know their ids. */
async function findNamed(names: readonly string[], options: RmOptions, context: Context): Promise<Target[]> {
  const opened = new Map<CloudRow, Promise<Cloud>>()
  const open = async (row: CloudRow) => {
    const own = await optionsFor(row, options, context)
    return await openCloud(row, own.options, own.context)
  }
  const lookUps = names.map(async (name) => {
    const row = cloudOf(name)
    const opening = opened.get(row) ?? open(row)
    opened.set(row, opening)
    const cloud = await opening
    const { signal } = context
    const isMark = row.markForm.test(name)
    const machines = isMark
      ? (await cloud.list(name, signal)).filter(({ phase }) => phase !== 'gone')
      : [await cloud.get(encodeURIComponent(name), signal)]
    // A run names its mark when a machine may still appear: it is no error that none has.
    if (machines.length === 0) context.report.info(`No machine has the mark "${name}".`)
    return machines.map((machine) => ({ cloud, machine }))
  })
  return (await Promise.all(lookUps)).flat()
}

/** A machine's age by the API's clock; 0 without a creation time. */
function ageOf({ createdAt }: MachineRecord, nowMs: number): number {
  return createdAt === undefined ? 0 : Math.max(0, nowMs - Date.parse(createdAt))
}

/** The machines to delete, named, or those of every cloud that are older than --older-than; and why others are not known. */
async function select(
  ids: readonly string[],
  options: RmOptions,
  context: Context,
): Promise<{ targets: Target[]; failures: unknown[] }> {
  const { olderThan } = options
  if (olderThan === undefined) {
    const targets = await findNamed(ids, options, context)
    const foreign = targets.find(({ machine }) => !machine.isOurs)
    if (foreign !== undefined) {
      const { cloud, machine } = foreign
      throw new UsageError(`the machine "${machine.id}" was not created by metalkit (${cloud.whyForeign})`, {
        hint: "metalkit ls lists the machines that were; delete others with the cloud's own tools",
      })
    }
    return { targets, failures: [] }
  }
  const { answers, failures } = await askClouds(options, context, async (cloud) => {
    const machines = await cloud.list(undefined, context.signal)
    const nowMs = cloud.nowMs()
    return machines.filter((machine) => ageOf(machine, nowMs) >= olderThan)
  })
  return {
    targets: answers.flatMap(({ cloud, answer }) => answer.map((machine) => ({ cloud, machine }))),
    failures: failures.map(({ error }) => error),
  }
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
  const { targets, failures } = await select(ids, options, context)
  if (targets.length === 0) {
    throwAll(failures)
    return options.olderThan === undefined ? undefined : report.info('No machine is that old.')
  }
  if (options.olderThan !== undefined && !options.yes) {
    const list = plainText(targets.map(({ machine: { id, hostname } }) => `${id} (${hostname})`).join(', '))
    if (!stdin.isTTY) throw new UsageError(`would delete ${list}`, { hint: 'add --yes to delete without confirmation' })
    if (!(await confirm(`Delete ${list}?`, context))) return report.info('Nothing was deleted.')
  }
  using _notice = sayOnInterrupt(context, 'the deletion continues')
  const outcomes = await Promise.allSettled(
    targets.map(async ({ cloud, machine }) => {
      await deleteUntilGone(cloud, machine, report, forced)
    }),
  )
  throwAll([
    ...failures,
    ...outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : [])),
  ])
}

/** Throws the errors as one, if there are any. */
function throwAll(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures)
}
