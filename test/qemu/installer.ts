// The Debian installer's images, made by others.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { needs } from '../helpers/needs.ts'

/** The paths of the installer's images in Debian's packages. */
export function installerFolder(arch: string): string {
  return `/usr/lib/debian-installer/images/12/${arch}/text/debian-installer/${arch}`
}

/** Skips if the installer's images are not installed, except in CI. */
export function needsInstaller(arch: string, qemu: string): { skip: boolean; timeout: number } {
  const there = existsSync(join(installerFolder(arch), 'linux'))
  if (!there) process.stderr.write(`skipped: debian-installer-12-netboot-${arch} not installed\n`)
  const skip = needs('qemu-system-x86_64', qemu).skip || (!there && process.env['CI'] !== 'true')
  return { skip, timeout: 900_000 }
}
