import { createInterface } from 'node:readline/promises'
import { UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import type { MetalClient } from '../metal/client.ts'
import { deleteUntilGone } from '../metal/delete.ts'
import { machineTag, runTagPrefix } from '../metal/machine.ts'
import type { Device } from '../metal/schema.ts'
import { plainText } from '../text/plain-text.ts'
import { openClient, requireCloudOption } from './shared/api.ts'
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

/** The machine with an id, or the machines with a run's tag, which a run names if it does not know their ids. */
async function find(name: string, options: RmOptions, client: MetalClient, context: Context): Promise<Device[]> {
  const { signal } = context
  if (!name.startsWith(runTagPrefix)) return [await client.getDevice(encodeURIComponent(name), signal)]
  return await client.listDevices(await requireCloudOption('projectId', options.projectId, context), name, signal)
}

/** A machine's age by the API's clock; 0 without a creation time. */
function ageOf({ created_at: createdAt }: Device, nowMs: number): number {
  return createdAt ? Math.max(0, nowMs - Date.parse(createdAt)) : 0
}

/** The machines to delete: the named ones, or metalkit's machines that are older than --older-than. */
async function select(
  ids: readonly string[],
  options: RmOptions,
  client: MetalClient,
  context: Context,
): Promise<Device[]> {
  const { signal } = context
  if (options.olderThan === undefined) {
    const named = (await Promise.all(ids.map((id) => find(id, options, client, context)))).flat()
    const foreign = named.find((device) => !device.tags?.includes(machineTag))
    if (foreign !== undefined) {
      throw new UsageError(`the machine "${foreign.id}" was not created by metalkit (it has no tag "${machineTag}")`, {
        hint: "metalkit ls lists the machines that were; delete others with the cloud's own tools",
      })
    }
    return named
  }
  const { olderThan } = options
  const devices = await client.listDevices(
    await requireCloudOption('projectId', options.projectId, context),
    machineTag,
    signal,
  )
  const nowMs = client.nowMs()
  return devices.filter((device) => ageOf(device, nowMs) >= olderThan)
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
  const client = await openClient(options, context)
  const devices = await select(ids, options, client, context)
  if (devices.length === 0)
    return report.info(options.olderThan === undefined ? 'No machines.' : 'No machine is that old.')
  if (options.olderThan !== undefined && !options.yes) {
    const list = plainText(devices.map((device) => `${device.id} (${device.hostname ?? ''})`).join(', '))
    if (!stdin.isTTY) throw new UsageError(`would delete ${list}`, { hint: 'add --yes to delete without confirmation' })
    if (!(await confirm(`Delete ${list}?`, context))) return report.info('Nothing was deleted.')
  }
  using _notice = sayOnInterrupt(context, 'the deletion continues')
  const outcomes = await Promise.allSettled(
    devices.map(async ({ id, project }) => {
      const projectId = project?.href?.split('/').at(-1) ?? options.projectId
      await deleteUntilGone(client, { id, projectId }, report, forced)
      report.info(`The machine ${id} is deleted.`)
    }),
  )
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures)
}
