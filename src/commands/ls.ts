import { formatAge } from '../text/duration.ts'
import type { Context } from '../io.ts'
import { machineTag } from '../metal/machine.ts'
import { openClient, requireCloudOption } from './shared/api.ts'
import { sshLine } from './console/prepare-console.ts'
import { hasConsole } from '../metal/sos-host.ts'
import type { LsOptions } from '../options/command-flags.ts'
import { plainJson } from '../text/plain-text.ts'
import { formatTable } from '../text/table.ts'

/** `ls`: lists the machines that metalkit created and that still cost money. */
export async function execute(_: unknown, options: LsOptions, context: Context): Promise<void> {
  const client = await openClient(options, context)
  const projectId = await requireCloudOption('projectId', options.projectId, context)
  const devices = await client.listDevices(projectId, machineTag, context.signal)
  const nowMs = client.nowMs()
  const machines = devices.map((device) => ({
    id: device.id,
    hostname: device.hostname ?? '',
    plan: device.plan?.slug ?? '',
    metro: device.metro?.code ?? '',
    state: device.state,
    created_at: device.created_at ?? '',
    age: device.created_at ? formatAge(nowMs - Date.parse(device.created_at)) : '',
    console: options.sos !== undefined || hasConsole(device) ? sshLine(device, options) : '',
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
