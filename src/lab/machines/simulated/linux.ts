// The boot log of a simulated machine's kernel, and whether it is visible on the serial line.
import type { MachineSpec } from '../driver.ts'
import { findInitrds } from '../ipxe/fetched-files.ts'
import type { BootImage } from '../ipxe/interpreter.ts'

/** The machine's serial console, by its name in `console=`. */
export function consoleOf({ arch, tty = 'ttyS1' }: Pick<MachineSpec, 'arch' | 'tty'>): string {
  return arch === 'aarch64' ? 'ttyAMA0' : tty
}

/** Whether a kernel with this command line prints on the serial line. */
export function hasSerialConsole(machine: Pick<MachineSpec, 'arch' | 'tty'>, commandLine: string): boolean {
  return commandLine.split(/\s+/).some((word) => word.split(',')[0] === `console=${consoleOf(machine)}`)
}

/** The lines of a boot log, up to the point where init starts, or the kernel panics because there is no initrd. */
export function bootLog(
  machine: Pick<MachineSpec, 'arch' | 'cpus' | 'memoryMib' | 'tty'>,
  kernel: BootImage,
  initrds: readonly BootImage[],
): { lines: string[]; panics: boolean } {
  const loaded = findInitrds(machine.arch, kernel.commandLine, initrds)
  const initrdBytes = loaded.reduce((total, initrd) => total + initrd.sizeBytes, 0)
  const says = [
    `Linux version 0.0.0-simulated (metalkit lab) ${machine.arch}`,
    `Command line: ${kernel.commandLine}`,
    `Memory: ${machine.memoryMib} MiB`,
    `smp: Brought up 1 node, ${machine.cpus} CPU${machine.cpus === 1 ? '' : 's'}`,
    `printk: console [${consoleOf(machine)}] enabled`,
    ...(loaded.length === 0
      ? [
          'VFS: Cannot open root device "(null)" or unknown-block(0,0): error -6',
          'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
        ]
      : [
          'Unpacking initramfs...',
          `Freeing initrd memory: ${Math.ceil(initrdBytes / 1024)}K`,
          'virtio_net virtio0 eth0: renamed from net0',
          'Run /init as init process',
        ]),
  ]
  const lines = says.map((text, index) => `[    0.${String(index * 70_000).padStart(6, '0')}] ${text}`)
  return { lines, panics: loaded.length === 0 }
}
