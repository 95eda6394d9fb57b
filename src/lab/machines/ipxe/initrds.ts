// Which of the files that a boot script fetched a kernel takes for its initrd.
import type { Arch } from '../driver.ts'
import type { BootImage } from './interpreter.ts'

/** The initrds that the kernel finds: an x86 kernel gets all, the EFI stub of arm64 those that `initrd=` names. */
export function findInitrds(arch: Arch, commandLine: string, initrds: readonly BootImage[]): readonly BootImage[] {
  if (arch === 'x86_64') return initrds
  const words = commandLine.split(/\s+/)
  return initrds.filter(({ name }) => words.includes(`initrd=${name}`))
}
