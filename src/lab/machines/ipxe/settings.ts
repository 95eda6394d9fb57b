// The settings of the iPXE interpreter.
import type { Arch } from '../../../arch.ts'

/** The maximum total length of all settings, about what fits into iPXE's memory: a script may double a value repeatedly. */
export const maxSettingsBytes = 512 * 1024

/** The settings at the start of a script. */
export function initialSettings(machine: { arch: Arch; mac: string; hostname: string }): Map<string, string> {
  const isArm = machine.arch === 'aarch64'
  return new Map([
    ['mac', machine.mac],
    ['net0/mac', machine.mac],
    ['hostname', machine.hostname],
    ['ip', '10.0.2.15'],
    ['buildarch', isArm ? 'arm64' : 'i386'],
    ['platform', isArm ? 'efi' : 'pcbios'],
  ])
}

/** Whether the settings are within the limit. */
export function fits(settings: ReadonlyMap<string, string>): boolean {
  let size = 0
  for (const [name, value] of settings) size += name.length + value.length
  return size <= maxSettingsBytes
}
