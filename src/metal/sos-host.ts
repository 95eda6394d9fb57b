// The address of a device's serial console (Serial over SSH).
import type { Address } from '../address.ts'
import { ConsoleError } from '../errors.ts'
import type { Device } from './schema.ts'

/** The SOS host of a facility (there is one per facility, never per metro). */
export function sosHostOf(facility: string): string {
  return `sos.${facility}.platformequinix.com`
}

function findSosHost({ sos, facility }: Device): string | undefined {
  return sos || (facility?.code ? sosHostOf(facility.code) : undefined)
}

/** Whether the API names a device's console; a new device may not have one yet. */
export function hasConsole(device: Device): boolean {
  return findSosHost(device) !== undefined
}

/** The address of a device's console: --sos, else the API's field, else derived from its facility. */
export function sosAddress(device: Device, sos: Address | undefined): Address {
  if (sos !== undefined) return sos
  const host = findSosHost(device)
  if (host === undefined) {
    throw new ConsoleError(`the API names no console for the machine ${device.id}`, {
      hint: 'name its SOS host with --sos',
    })
  }
  return { host, port: 22 }
}
