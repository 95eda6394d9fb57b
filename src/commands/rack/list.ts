// metalkit rack list: the machines of a running rack.
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import type { RackedView } from '../../rack/machines/driver.ts'
import { plainJson } from '../../text/plain-text.ts'
import { formatTable } from '../../text/table.ts'
import { askRack, requireRack } from './find-rack.ts'

/** The state of a machine without a device that clients see. */
function stateOf({ holder, wipe, why }: RackedView): string {
  if (wipe !== undefined) return wipe === 'failed' ? 'not wiped' : wipe === 'released' ? 'ending' : 'wiping'
  if (why !== undefined) return 'refused'
  return holder === undefined ? 'free' : 'ending'
}

/** Prints a table of the machines, or one object per line. */
export async function execute(
  _args: unknown,
  { labName, json }: Options<'labName' | 'json'>,
  { env, stdout, signal }: Context,
): Promise<void> {
  const rack = await requireRack(labName, { env })
  const devicesPath = `/metal/v1/projects/${rack.environment['METAL_PROJECT_ID'] ?? ''}/devices?per_page=1000`
  const paths = ['/lab/machines', devicesPath]
  const answers = await Promise.all(paths.map((path) => askRack(rack, { method: 'GET', path, signal })))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rack's own answers
  const [{ machines }, { devices }] = answers as [
    { machines: RackedView[] },
    { devices: { id: string; hostname: string; state: string }[] },
  ]
  const rows = machines.map((machine) => {
    const device = devices.find(({ id }) => id === machine.holder)
    return { ...machine, state: device?.state ?? stateOf(machine), device }
  })
  if (json) {
    for (const { name, plan, state, device, holder, why } of rows) {
      const known = device === undefined ? holder && { id: holder } : { id: device.id, hostname: device.hostname }
      stdout.write(`${plainJson({ name, plan, state, device: known, why })}\n`)
    }
    return
  }
  const cells = rows.map(({ name, plan, state, device, holder, why }) => [
    name,
    plan,
    state,
    device?.hostname ?? holder ?? '-',
    why ?? '-',
  ])
  stdout.write(formatTable([['NAME', 'PLAN', 'STATE', 'DEVICE', 'WHY NOT'], ...cells], stdout.columns))
}
