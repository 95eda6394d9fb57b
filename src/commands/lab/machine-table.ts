// The lab's machines as a table in a terminal, below the lab's messages.
import type { Context } from '../../io.ts'
import type { Device } from '../../lab/cloud/device.ts'
import type { CloudWords } from '../../lab/cloud/words.ts'
import type { Lab } from '../../lab/lab.ts'
import { showLiveTable } from '../shared/live-table.ts'
import { formatAge } from '../../text/duration.ts'
import { formatTable } from '../../text/table.ts'

const maxHostnameLength = 24

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text
}

function describeState(device: Device, { stateOf }: CloudWords): string {
  const { state, percentage } = device
  const isComing = state === 'provisioning' || state === 'reinstalling'
  return isComing ? `${stateOf(device)} ${percentage}%` : stateOf(device)
}

/**
 * Renders a table with a line for each device, newest first, the most important columns at the left; '' without devices.
 * It shows at most `rows` devices.
 */
export function renderMachines(devices: readonly Device[], rows: number, nowMs: number, words: CloudWords): string {
  if (devices.length === 0) return ''
  const shown = devices.slice(-rows).toReversed()
  const table = formatTable([
    ['HOSTNAME', 'STATE', 'AGE', words.plan.toUpperCase(), 'LAST EVENT'],
    ...shown.map((device) => [
      shorten(device.hostname, maxHostnameLength),
      describeState(device, words),
      formatAge(nowMs - Date.parse(device.createdAt)),
      device.plan.slug,
      device.events.at(-1)?.body ?? '',
    ]),
  ])
  const more = devices.length - shown.length
  return more === 0 ? table.trimEnd() : `${table}and ${more} more`
}

/** Shows the machines in a terminal until it is disposed; outside a terminal it shows nothing. */
export function showMachines(lab: Lab, context: Pick<Context, 'report' | 'stderr'>): Disposable {
  return showLiveTable(context, 6, (rows) => renderMachines(lab.devices(), rows, Date.now(), lab.words))
}
