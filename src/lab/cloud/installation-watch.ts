// Watches an installation: a device whose machine never runs its boot script must fail, because it cannot be deleted before.
import type { Chassis } from './chassis.ts'
import { type Device, isInstalling } from './device.ts'

/**
 * Calls `onOverdue` with the reason if the device is still being installed after `maxMs`; until then it tells a silent machine
 * that it has stalled. Ends with the installation, or when the result is disposed.
 */
export function watchInstallation(
  device: Device,
  chassis: Chassis,
  maxMs: number,
  onOverdue: (why: string) => void,
): Disposable {
  const endMs = performance.now() + maxMs
  const check = () => {
    if (!isInstalling(device)) return clearInterval(timer)
    if (performance.now() < endMs) return chassis.checkStall()
    clearInterval(timer)
    const lastOutput = chassis.lastLine === '' ? 'none' : `"${chassis.lastLine}"`
    onOverdue(`The boot script did not run within ${maxMs / 60_000} minutes; last output: ${lastOutput}`)
  }
  const timer = setInterval(check, Math.min(1000, maxMs / 4))
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
