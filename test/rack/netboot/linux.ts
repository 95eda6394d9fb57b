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

/** What it does then: it switches its machine off, or it is a shell on the console. */
type Then = 'poweroff' | 'shell'

/** Makes its initrd in a folder. @returns its path */
export function makeInitrd(folder: string, then: Then = 'poweroff', name = 'initrd.img'): string {
  const root = join(folder, 'root')
  mkdirSync(join(root, 'bin'), { recursive: true })
  copyFileSync('/usr/bin/busybox', join(root, 'bin/busybox'))
  const rest = { poweroff: '/bin/busybox poweroff -f', shell: 'exec /bin/busybox sh' }[then]
  writeFileSync(join(root, 'init'), `#!/bin/busybox sh\necho "${linuxSays}"\n${rest}\n`)
  chmodSync(join(root, 'init'), 0o755)
  const initrd = join(folder, name)
  execFileSync('sh', ['-c', `find . | cpio -o -H newc --quiet >${initrd}`], { cwd: root })
  return initrd
}

/** Drivers of QEMU's network card and of an SD card, in the order in which they are loaded: the installer has no others for disks. */
const drivers =
  'virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net mmc_core mmc_block sdhci cqhci sdhci-pci'

/** Makes an initrd in a folder that runs a script on a machine with an SD card and a fixed address. @returns its name */
export function makeWipingInitrd(folder: string, { script, address }: { script: string; address: string }): string {
  const root = join(folder, 'wiping')
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev']) mkdirSync(join(root, name), { recursive: true })
  copyFileSync('/usr/bin/busybox', join(root, 'bin/busybox'))
  const names = drivers.split(' ').map((driver) => `${driver}.ko`)
  const extract = `zcat "$0" | cpio -i -m -d --quiet ${names.map((name) => `'lib/modules/*/${name}'`).join(' ')}`
  execFileSync('sh', ['-c', extract, join(installerFolder('amd64'), 'initrd.gz')], { cwd: root })
  const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for name in ${names.join(' ')}; do insmod $(find /lib/modules -name $name); done
ip link set eth0 up; ip address add ${address} dev eth0
until [ -b /dev/mmcblk0 ]; do sleep 1; done
exec sh /etc/wipe.sh
`
  for (const [name, text] of [
    ['init', init],
    ['etc/wipe.sh', script],
  ] as const) {
    writeFileSync(join(root, name), text)
    chmodSync(join(root, name), 0o755)
  }
  execFileSync('sh', ['-c', `find . | cpio -o -H newc --quiet >${join(folder, 'wiping.img')}`], { cwd: root })
  return 'wiping.img'
}

/**
 * Makes an image of it, as linuxkit build does. Linux has one serial console, the first ttyS on its command line, and the script of
 * run puts ttyS1 first unless the image names ttyS1 itself. It also names its initrd: Debian 12's iPXE, of 2019, cannot hand a
 * UEFI Linux its initrd without. @returns its prefix
 */
export function makeLinuxImage(folder: string, consoles = 'console=ttyS0 console=ttyS1,115200'): string {
  copyFileSync(kernel, join(folder, 'linux-kernel'))
  makeInitrd(folder, 'shell', 'linux-initrd.img')
  writeFileSync(join(folder, 'linux-cmdline'), `${consoles} initrd=linux-initrd.img quiet\n`)
  return join(folder, 'linux')
}
