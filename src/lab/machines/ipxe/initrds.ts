// Which of a boot script's files the kernel uses as its initrds.
import type { Arch } from '../../../arch.ts'
import type { BootImage } from './interpreter.ts'

/** Finds the kernel's initrds: an x86 kernel gets all of them, the EFI stub of arm64 only the files that `initrd=` names. */
export function findInitrds(arch: Arch, commandLine: string, initrds: readonly BootImage[]): readonly BootImage[] {
  if (arch === 'x86_64') return initrds
  const words = commandLine.split(/\s+/)
  return initrds.filter(({ name }) => words.includes(`initrd=${name}`))
}
