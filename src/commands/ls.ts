import { describeError, exitCodeOf } from '../errors.ts'
import type { Context } from '../io.ts'
import type { Cloud } from '../machine/cloud.ts'
import type { LsOptions } from '../options/command-flags.ts'
import { formatAge } from '../text/duration.ts'
import { plainJson, plainText } from '../text/plain-text.ts'
import { formatTable } from '../text/table.ts'
import { sshLine } from './console/ssh-line.ts'
import { askClouds } from './clouds/ask-clouds.ts'

async function listMachines(cloud: Cloud, options: LsOptions, signal: AbortSignal) {
  const records = await cloud.list(undefined, signal)
  const nowMs = cloud.nowMs()
  return records.map((record) => ({
    id: record.id,
    cloud: cloud.name,
    hostname: record.hostname,
    plan: record.plan,
    metro: record.place,
    state: record.state,
    created_at: record.createdAt ?? '',
    age: record.createdAt === undefined ? '' : formatAge(nowMs - Date.parse(record.createdAt)),
    console: sshLine(cloud, record, options) ?? '',
  }))
}

/** `ls`: lists the machines that metalkit created and that still cost money, of every cloud with credentials. */
export async function execute(_: unknown, options: LsOptions, context: Context): Promise<number | void> {
  const { report, stdout, signal } = context
  const { answers, failures } = await askClouds(options, context, (cloud) => listMachines(cloud, options, signal))
  const machines = answers.flatMap(({ answer }) => answer)
  for (const { row, error } of failures) {
    report.warn(`the machines of ${row.title} are not listed: ${describeError(error)}`)
  }
  const code = failures.length === 0 ? undefined : exitCodeOf(failures[0]?.error)
  if (options.json) {
    for (const machine of machines) stdout.write(`${plainJson(machine)}\n`)
    return code
  }
  if (report.verbosity < 0) {
    for (const { id } of machines) stdout.write(`${plainText(id)}\n`)
    return code
  }
  if (machines.length === 0) {
    report.info('No machines.')
    return code
  }
  // The most important columns are on the left, because a narrow window shows only those.
  const isOne = answers.length + failures.length === 1
  const columns = [
    'id',
    ...(isOne ? [] : (['cloud'] as const)),
    'hostname',
    'state',
    'age',
    'plan',
    'metro',
    'console',
  ] as const
  const header = columns.map((name) => name.toUpperCase())
  const rows = machines.map((machine) => columns.map((name) => machine[name]))
  stdout.write(formatTable([header, ...rows], stdout.columns))
  return code
}
