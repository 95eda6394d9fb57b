// The driver of QEMU's machines: real firmware, real iPXE, a real kernel.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { LabError } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { nameProcess } from '../../storage/process-name.ts'
import { type Accelerator, type ChosenAccelerator, chooseAccelerator, tcg, titleOf } from './accelerator.ts'
import type { MachineDriver, MachineSpec, PowerHooks } from '../driver.ts'
import { keepDisks, prepareDisk, removeDisk } from './disk.ts'
import { maxBootUrlBytes, type Uefi } from './args.ts'
import { arm64Program, lookAtQemu, type QemuLook, x86Program } from './look.ts'

const bootRom = 'efi-virtio.rom'
const x86Hint = 'install it (on Debian: apt-get install qemu-system-x86 ipxe-qemu) or use --machines simulated'
const arm64Hint = 'install it (on Debian: apt-get install qemu-system-arm qemu-efi-aarch64) or use --machines simulated'

/** The paths at which distributions put UEFI for aarch64, and QEMU's own name for it. */
const arm64Firmwares = [
  '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd',
  '/usr/share/edk2/aarch64/QEMU_EFI.fd',
  '/usr/share/edk2-armvirt/aarch64/QEMU_EFI.fd',
]

/** The paths at which distributions put UEFI for x86_64: its code and its variables. */
const x86Firmwares = [
  ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
  ['/usr/share/edk2/ovmf/OVMF_CODE.fd', '/usr/share/edk2/ovmf/OVMF_VARS.fd'],
  ['/usr/share/edk2/x64/OVMF_CODE.4m.fd', '/usr/share/edk2/x64/OVMF_VARS.4m.fd'],
] as const

/** Finds UEFI firmware for x86_64 machines. @throws LabError if it is not installed */
function findUefi(folders: readonly string[]): Uefi {
  const own = folders.map((folder) => [join(folder, 'edk2-x86_64-code.fd'), join(folder, 'edk2-i386-vars.fd')] as const)
  const files = [...x86Firmwares, ...own].find((paths) => paths.every((path) => existsSync(path)))
  if (files === undefined) {
    throw new LabError('UEFI firmware for QEMU is not installed', {
      hint: 'install it (on Debian: apt-get install ovmf) or omit --firmware',
    })
  }
  return { code: files[0], variables: files[1] }
}

/** Waits for QEMU's report about itself. @throws LabError if QEMU is missing */
async function requireQemu(
  program: string,
  hint: string,
  { look, signal }: { look?: Promise<QemuLook> | undefined; signal?: AbortSignal | undefined } = {},
): Promise<QemuLook> {
  try {
    return await (look ?? lookAtQemu(program, signal))
  } catch (cause) {
    signal?.throwIfAborted()
    throw new LabError(`${JSON.stringify(program)} is not installed or does not start`, { hint, cause })
  }
}

/** Finds UEFI firmware for aarch64 machines. @throws LabError if QEMU for aarch64 is missing */
export async function findArm64Firmware(): Promise<string | undefined> {
  const { folders } = await requireQemu(arm64Program, arm64Hint)
  return [...arm64Firmwares, ...folders.map((folder) => join(folder, 'edk2-aarch64-code.fd'))].find((path) =>
    existsSync(path),
  )
}

/** Checks that DHCP can carry the boot URL to the machine. @throws LabError if the URL is too long */
function checkBootUrl({ bootUrl }: MachineSpec): void {
  if (Buffer.byteLength(bootUrl) <= maxBootUrlBytes) return
  throw new LabError(`boot URL ${JSON.stringify(bootUrl)} is longer than the ${maxBootUrlBytes} bytes DHCP carries`)
}

/** A driver that reports its accelerator. */
export interface QemuDriver extends MachineDriver {
  readonly kind: 'qemu'
  readonly chosen: ChosenAccelerator
}

/** Options of the driver. Disks are kept in diskFolder, which is created if it is missing. */
export interface QemuDriverOptions {
  diskFolder: string
  /** The firmware of x86_64 machines; BIOS by default. */
  firmware?: 'bios' | 'uefi'
  /** The accelerator of x86_64 machines; by default the fastest that works. */
  accelerator?: 'auto' | 'kvm' | 'tcg' | undefined
  /** The file that keeps the verdict of the accelerator's trial. */
  verdictPath?: string | undefined
  /** Path of KVM's device. */
  kvmPath?: string | undefined
  /** How long that trial may take. */
  trialMs?: number | undefined
  /** Silence, in milliseconds, after which an accelerated machine has stalled. */
  stallMs?: number | undefined
  /** QEMU's report about itself, if the query has started already. */
  look?: Promise<QemuLook> | undefined
  report: Reporter
  signal?: AbortSignal
}

/**
 * Looks for QEMU and chooses its accelerator. The programs for aarch64 machines are looked up when the first is switched on.
 * @throws LabError naming what is missing and how to install it
 */
export async function createQemuDriver(options: QemuDriverOptions): Promise<QemuDriver> {
  const { diskFolder, report, signal } = options
  const { folders, version } = await requireQemu(x86Program, x86Hint, options)
  if (!folders.some((folder) => existsSync(join(folder, bootRom)))) {
    throw new LabError(`${JSON.stringify(bootRom)}, the iPXE of QEMU's network card, is not installed`, {
      hint: x86Hint,
    })
  }
  const uefi = options.firmware === 'uefi' ? findUefi(folders) : undefined
  const chosen = await chooseAccelerator({
    program: x86Program,
    version,
    requested: options.accelerator,
    verdictPath: options.verdictPath,
    patienceMs: options.trialMs,
    kvmPath: options.kvmPath,
    report,
    signal,
  })
  signal?.throwIfAborted()
  const owner = await nameProcess(process.pid)
  let { accelerator } = chosen
  // Machines that were started earlier may stop for the same reason: each reports it, and none switches back.
  const replaceAccelerator = (failed: Accelerator, why: string) => {
    if (failed === tcg) return false
    accelerator = tcg
    report.warn(`${titleOf(failed)} failed: ${why}; the machine starts again with TCG, which this lab uses from now on`)
    return true
  }
  return {
    kind: 'qemu',
    chosen,
    async prepare() {
      const { prepareSerialPipe } = await import('./serial-pipe.ts')
      prepareSerialPipe()
      await import('./x86.ts')
    },
    discard: (id) => removeDisk(diskFolder, id),
    keepOnly: (ids) => keepDisks(diskFolder, ids),
    async powerOn(spec: MachineSpec, { onRestart = () => {} }: PowerHooks = {}) {
      checkBootUrl(spec)
      const firmware = spec.arch === 'aarch64' ? await findArm64Firmware() : undefined
      const files = { disk: await prepareDisk(diskFolder, spec.id), owner }
      if (spec.arch === 'aarch64') {
        const { powerOnArm64 } = await import('./arm64.ts')
        return powerOnArm64(spec, { firmware, files, hint: arm64Hint, report })
      }
      const hint = x86Hint
      const { stallMs } = options
      const { powerOnX86 } = await import('./x86.ts')
      return await powerOnX86(spec, {
        accelerator: () => accelerator,
        replaceAccelerator,
        onRestart,
        files,
        uefi,
        hint,
        report,
        stallMs,
      })
    },
  }
}
