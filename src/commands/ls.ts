import { formatAge } from '../text/duration.ts'
import type { Context } from '../io.ts'
import { openCloud } from './shared/api.ts'
import { sshLine } from './console/prepare-console.ts'
import type { LsOptions } from '../options/command-flags.ts'
import { plainJson } from '../text/plain-text.ts'
import { formatTable } from '../text/table.ts'

/** `ls`: lists the machines that metalkit created and that still cost money. */
export async function execute(_: unknown, options: LsOptions, context: Context): Promise<void> {
  const cloud = await openCloud(options, context)
  const records = await cloud.list(undefined, context.signal)
  const nowMs = cloud.nowMs()
  const machines = records.map((record) => ({
    id: record.id,
    hostname: record.hostname,
    plan: record.plan,
    metro: record.place,
    state: record.state,
    created_at: record.createdAt ?? '',
    age: record.createdAt === undefined ? '' : formatAge(nowMs - Date.parse(record.createdAt)),
    console: sshLine(cloud, record, options) ?? '',
  }))
  if (options.json) {
    for (const machine of machines) context.stdout.write(`${plainJson(machine)}\n`)
    return
  }
  if (machines.length === 0) return context.report.info('No machines.')
  // The most important columns are on the left, because a narrow window shows only those.
  const columns = ['id', 'hostname', 'state', 'age', 'plan', 'metro', 'console'] as const
  const header = columns.map((name) => name.toUpperCase())
  const rows = machines.map((machine) => columns.map((name) => machine[name]))
  context.stdout.write(formatTable([header, ...rows], context.stdout.columns))
}
