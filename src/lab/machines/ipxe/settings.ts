// The settings of an iPXE that is followed in software.
import type { Arch } from '../driver.ts'

/** Characters that all settings may have, as much as iPXE has memory for: a script may double one again and again. */
export const settingsRoom = 512 * 1024

/** What a script finds set. */
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

/** Whether settings are no longer together than they may be. */
export function hasRoom(settings: ReadonlyMap<string, string>): boolean {
  let size = 0
  for (const [name, value] of settings) size += name.length + value.length
  return size <= settingsRoom
}
