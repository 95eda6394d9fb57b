// The cloud's own housekeeping: it deletes devices whose termination time has passed, and takes failed devices back.
import type { Reporter } from '../../../io.ts'
import type { Cloud } from '../cloud.ts'
import type { Device } from '../device.ts'
import { nounOf } from '../inventory.ts'
import type { Devices } from './devices.ts'
import type { Pace } from '../pace.ts'

/** The work that is due. */
export interface Due {
  /** Devices whose termination time has passed. A locked device stays until it is unlocked (inferred). */
  ended: Device[]
  /** Devices that failed long enough ago to be taken back. */
  failed: Device[]
  /** Ids of devices that were taken back long enough ago to be forgotten. */
  forgotten: string[]
}

function isPast(time: string | null, nowMs: number, graceMs: number): boolean {
  return time !== null && Date.parse(time) + graceMs <= nowMs
}

/**
 * Finds the work that is due at a time (ms since 1970). A failed device with a machine of the inventory stays until the machine is off:
 * until then it says why nobody else gets the machine.
 */
export function findDue(
  cloud: Cloud,
  pace: Pick<Pace, 'failedMs'>,
  nowMs: number,
  isOff: (device: Device) => boolean,
): Due {
  const devices = [...cloud.devices.values()].filter(({ state }) => state !== 'deprovisioning')
  const mayGo = (device: Device) => device.state === 'failed' && (device.machine === undefined || isOff(device))
  return {
    ended: devices.filter((device) => !device.locked && isPast(device.terminationTime, nowMs, 0)),
    failed: devices.filter((device) => mayGo(device) && isPast(device.failedAt, nowMs, pace.failedMs)),
    forgotten: [...cloud.vanished].filter(([, untilMs]) => untilMs <= nowMs).map(([id]) => id),
  }
}

/** Starts the upkeep; disposing the result ends it. */
export function startUpkeep(parts: { cloud: Cloud; devices: Devices; pace: Pace; report: Reporter }): Disposable {
  const { cloud, devices, pace, report } = parts
  const noun = nounOf(cloud.settings)
  const timer = setInterval(() => {
    const nowMs = Date.now()
    const due = findDue(cloud, pace, nowMs, (device) => devices.isOff(device))
    for (const id of due.forgotten) cloud.vanished.delete(id)
    for (const device of due.failed) {
      report.detail(`${noun}: ${device.hostname}: failed; the cloud takes it back`)
      cloud.vanished.set(device.id, nowMs + pace.forbiddenMs)
      devices.remove(device)
    }
    for (const device of due.ended) {
      report.detail(`${noun}: ${device.hostname}: its termination time has passed`)
      devices.remove(device)
    }
  }, pace.upkeepMs)
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
    },
  }
}
