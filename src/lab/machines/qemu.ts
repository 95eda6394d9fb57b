// Machines that QEMU runs: real firmware, real iPXE, a real kernel.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { LabError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { nameProcess } from '../process-name.ts'
import { type Accelerator, chooseAccelerator } from './accelerator.ts'
import type { MachineDriver, MachineSpec } from './driver.ts'
import { arm64Program, powerOnArm64 } from './qemu-arm64.ts'
import { keepDisks, prepareDisk, removeDisk } from './qemu-disk.ts'
import { powerOnX86, x86Program } from './qemu-x86.ts'

const bootRom = 'efi-virtio.rom'
const x86Hint = 'install it (on Debian: apt-get install qemu-system-x86 ipxe-qemu) or use --machines simulated'
const arm64Hint = 'install it (on Debian: apt-get install qemu-system-arm qemu-efi-aarch64) or use --machines simulated'

/** UEFI for aarch64, where distributions put it, and under QEMU's own name. */
const arm64Firmwares = [
  '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd',
  '/usr/share/edk2/aarch64/QEMU_EFI.fd',
  '/usr/share/edk2-armvirt/aarch64/QEMU_EFI.fd',
]

/** The folders in which a QEMU looks for its firmware. @throws LabError where it is missing */
async function findFolders(program: string, hint: string, signal?: AbortSignal): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(program, ['-L', 'help'], signal === undefined ? {} : { signal })
    return stdout.split('\n').filter((folder) => folder !== '')
  } catch (cause) {
    signal?.throwIfAborted()
    throw new LabError(`${JSON.stringify(program)} is not installed or does not start`, { hint, cause })
  }
}

/** UEFI firmware for aarch64 machines. @throws LabError where even QEMU for them is missing */
async function findArm64Firmware(): Promise<string | undefined> {
  const folders = await findFolders(arm64Program, arm64Hint)
  return [...arm64Firmwares, ...folders.map((folder) => join(folder, 'edk2-aarch64-code.fd'))].find((path) =>
    existsSync(path),
  )
}

/** A driver that says how its machines' processors are run. */
export interface QemuDriver extends MachineDriver {
  readonly kind: 'qemu'
  readonly accelerator: Accelerator['name']
}

/** What a driver needs. Disks are kept in diskFolder, which is made where it is missing. */
export interface QemuDriverOptions {
  diskFolder: string
  report: Reporter
  signal?: AbortSignal
}

/**
 * Looks for QEMU, and for what runs its machines fastest here. What aarch64 machines need is looked for when one is switched on.
 * @throws LabError naming what is missing and how to install it
 */
export async function createQemuDriver(options: QemuDriverOptions): Promise<QemuDriver> {
  const { diskFolder, report, signal } = options
  const folders = await findFolders(x86Program, x86Hint, signal)
  if (!folders.some((folder) => existsSync(join(folder, bootRom)))) {
    throw new LabError(`${JSON.stringify(bootRom)}, the iPXE of QEMU's network card, is not installed`, {
      hint: x86Hint,
    })
  }
  const accelerator = await chooseAccelerator(x86Program, signal)
  signal?.throwIfAborted()
  const owner = await nameProcess(process.pid)
  return {
    kind: 'qemu',
    accelerator: accelerator.name,
    discard: (id) => removeDisk(diskFolder, id),
    keepOnly: (ids) => keepDisks(diskFolder, ids),
    async powerOn(spec: MachineSpec) {
      if (spec.arch === 'aarch64') {
        const firmware = await findArm64Firmware()
        const files = { disk: await prepareDisk(diskFolder, spec.id), owner }
        return powerOnArm64(spec, { firmware, files, hint: arm64Hint, report })
      }
      const files = { disk: await prepareDisk(diskFolder, spec.id), owner }
      return await powerOnX86(spec, { accelerator, files, hint: x86Hint, report })
    },
  }
}
