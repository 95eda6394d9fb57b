// Descriptions of devices for the page.
import { deviceScript } from '../cloud/device-script.ts'
import type { Device } from '../cloud/device.ts'
import type { Fetched } from '../cloud/fetch-trail.ts'
import type { Keyboard, MachineDetail, MachineSummary } from './messages.ts'

const shownEvents = 100

/** A device in the list. */
export function summarize(device: Device, isOn: boolean): MachineSummary {
  return {
    id: device.id,
    hostname: device.hostname,
    plan: device.plan.slug,
    metro: device.metro.code,
    state: device.state,
    percentage: device.percentage,
    createdAt: device.createdAt,
    isOn,
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
