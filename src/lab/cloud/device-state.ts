// The states of a device. life/device-life.ts moves a device through them.
import type { deviceStates } from '../../metal/schema.ts'

/** State of a device on the wire. */
export type DeviceState = (typeof deviceStates)[number]

/** The power actions of POST /devices/{id}/actions that the lab supports. */
export type PowerAction = 'power_on' | 'power_off' | 'reboot' | 'rescue' | 'reinstall'

/** What becomes of a device that does not come up: it stays queued, or in its installation, or the installation fails. */
export const plights = ['stuck-queued', 'stuck-installing', 'fails'] as const
export type Plight = (typeof plights)[number]

/** A device's state. Times are RFC 3339. */
export interface Standing {
  state: DeviceState
  updatedAt: string
  /** When it failed; null if it has not failed. */
  failedAt: string | null
}

/** Whether the device is being installed or reinstalled. */
export function isInstalling({ state }: Pick<Standing, 'state'>): boolean {
  return state === 'provisioning' || state === 'reinstalling'
}

/** Whether the device has not come up yet: it is being installed, or waits for its installation. */
export function isComingUp(device: Pick<Standing, 'state'>): boolean {
  return device.state === 'queued' || isInstalling(device)
}

/** Moves a device to another state. */
export function changeState(device: Standing, state: DeviceState): void {
  device.state = state
  device.updatedAt = new Date().toISOString()
  device.failedAt = state === 'failed' ? device.updatedAt : null
}
