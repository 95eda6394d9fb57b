// The description of a device's machine for its driver.
import type { MachineSpec } from '../../machines/driver.ts'
import type { Device } from '../device.ts'

/** The machine of a device, for its driver. */
export function specOf(
  device: Device,
  bootUrl: string,
  { passages, attended }: Pick<MachineSpec, 'passages' | 'attended'>,
): MachineSpec {
  const { plan, operatingSystem, rootPassword, alwaysPxe, pxeArmed } = device
  const name = device.inRescue
    ? 'Rescue system'
    : operatingSystem.slug === 'custom_ipxe'
      ? undefined
      : operatingSystem.name
  return {
    id: device.id,
    hostname: device.hostname,
    arch: plan.arch,
    cpus: plan.cpus,
    memoryMib: plan.memoryMib,
    tty: plan.tty,
    macs: device.macs,
    machine: device.machine,
    bootUrl,
    boot: alwaysPxe ? 'network' : pxeArmed ? 'network-once' : 'disk',
    passages,
    attended,
    ...(name === undefined ? {} : { system: { name, rootPassword } }),
  }
}
