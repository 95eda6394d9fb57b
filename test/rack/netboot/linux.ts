// A Linux that reports on the serial console that it is running, and switches its machine off: Debian's kernel with busybox.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installerFolder } from '../../qemu/installer.ts'

/** The kernel. */
export const kernel = join(installerFolder('amd64'), 'linux')

/** Skips if the kernel is not installed, except in CI. */
export function needsKernel(): { skip: boolean } {
  if (!existsSync(kernel)) process.stderr.write('skipped: debian-installer-12-netboot-amd64 not installed\n')
  return { skip: !existsSync(kernel) && process.env['CI'] !== 'true' }
}

/** What it says. */
export const linuxSays = 'Linux runs on the machine of the rack'

/** Makes its initrd in a folder. @returns its path */
export function makeInitrd(folder: string): string {
  const root = join(folder, 'root')
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync('/usr/bin/busybox', join(root, 'bin/busybox'))
  writeFileSync(join(root, 'init'), `#!/bin/busybox sh\necho "${linuxSays}"\n/bin/busybox poweroff -f\n`)
  chmodSync(join(root, 'init'), 0o755)
  const initrd = join(folder, 'initrd.img')
  execFileSync('sh', ['-c', `find . | cpio -o -H newc --quiet >${initrd}`], { cwd: root })
  return initrd
}
