// The Debian installer's images, which nobody here made.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { needs } from '../helpers/needs.ts'

/** Where Debian's packages of the installer's images put them. */
export function installerFolder(arch: string): string {
  return `/usr/lib/debian-installer/images/12/${arch}/text/debian-installer/${arch}`
}

/** Skips where the installer's images are not installed, but not in CI. */
export function needsInstaller(arch: string, qemu: string): { skip: boolean; timeout: number } {
  const there = existsSync(join(installerFolder(arch), 'linux'))
  if (!there) process.stderr.write(`skipped: debian-installer-12-netboot-${arch} not installed\n`)
  const skip = needs('qemu-system-x86_64', qemu).skip || (!there && process.env['CI'] !== 'true')
  return { skip, timeout: 900_000 }
}
