// Descriptions of devices for the page.
import { deviceScript } from '../cloud/device-script.ts'
import type { Device } from '../cloud/device.ts'
import type { Fetched } from '../cloud/fetch-trail.ts'
import type { Inventory, StockedMachine } from '../cloud/inventory.ts'
import type { CloudWords } from '../cloud/words.ts'
import type { Keyboard, MachineDetail, MachineSummary, ShownPower, StockView } from './messages.ts'

const shownEvents = 100

/** The power of a device's machine. A lab's machine is off if it is not on; hardware must be seen to be off. */
export function powerOf({ machine }: Device, chassis: { isOn: boolean; isOff: boolean } | undefined): ShownPower {
  if (chassis?.isOn === true) return 'on'
  return machine === undefined || chassis?.isOff === true ? 'off' : 'unknown'
}

/** A machine of a rack. */
export function describeStock(
  { name, plan, inUse }: StockedMachine,
  inventory: Inventory,
  holder: { device: Device; power: ShownPower } | undefined,
): StockView {
  if (holder !== undefined) {
    const { id, hostname } = holder.device
    return { name, plan, power: holder.power, use: 'taken', device: { id, hostname } }
  }
  const why = inventory.whyUnusable(name)
  const power = inventory.lastSeen?.(name) ?? 'unknown'
  const use = inUse === true ? 'in use' : why === undefined ? 'free' : 'set aside'
  return { name, plan, power, use, why: inUse === true ? undefined : why }
}

/** A device in the list, in the words of the lab's cloud. */
export function summarize(device: Device, power: ShownPower, words: CloudWords): MachineSummary {
  return {
    id: device.id,
    hostname: device.hostname,
    plan: device.plan.slug,
    place: words.placeOf(device),
    state: device.state,
    stateWord: words.stateOf(device),
    percentage: device.percentage,
    createdAt: device.createdAt,
    power,
    machine: device.machine,
  }
}

/** The selected device. `script` is the script for a network boot, even if the next boot is from the disk. */
export function describeDetail(
  device: Device,
  bootUrl: string,
  fetched: readonly Fetched[],
  keyboard: Keyboard,
): MachineDetail {
  const events = device.events.slice(-shownEvents).toReversed()
  return {
    id: device.id,
    events: events.map(({ id, type, body, createdAt }) => ({ id, type, body, createdAt })),
    fetched: [...fetched],
    script: deviceScript({ ...device, pxeArmed: true }, bootUrl),
    keyboard,
  }
}
