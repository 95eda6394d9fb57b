// The host of a device's serial console (Serial over SSH).
import type { Device } from './schema.ts'

/** The SOS host of a facility (there is one per facility, never per metro). */
export function sosHostOf(facility: string): string {
  return `sos.${facility}.platformequinix.com`
}

/** The host that the API names, else the one of the device's facility; a new device may have none yet. */
export function findSosHost({ sos, facility }: Device): string | undefined {
  return sos || (facility?.code ? sosHostOf(facility.code) : undefined)
}
