// Machines that QEMU runs: real firmware, real iPXE, a real kernel.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { LabError } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { nameProcess } from '../../state/process-name.ts'
import { type Accelerator, type ChosenAccelerator, chooseAccelerator, tcg, titleOf } from './accelerator.ts'
import type { MachineDriver, MachineSpec } from '../driver.ts'
import { arm64Program, powerOnArm64 } from './arm64.ts'
import { keepDisks, prepareDisk, removeDisk } from './disk.ts'
import { maxBootUrlBytes, type Uefi } from './args.ts'
import { lookAtQemu, type QemuLook, x86Program } from './look.ts'
import { powerOnX86 } from './x86.ts'

const bootRom = 'efi-virtio.rom'
const x86Hint = 'install it (on Debian: apt-get install qemu-system-x86 ipxe-qemu) or use --machines simulated'
const arm64Hint = 'install it (on Debian: apt-get install qemu-system-arm qemu-efi-aarch64) or use --machines simulated'

/** UEFI for aarch64, where distributions put it, and under QEMU's own name. */
const arm64Firmwares = [
  '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd',
  '/usr/share/edk2/aarch64/QEMU_EFI.fd',
  '/usr/share/edk2-armvirt/aarch64/QEMU_EFI.fd',
]

/** UEFI for x86_64, where distributions put its code and its variables, and under QEMU's own names. */
const x86Firmwares = [
  ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
  ['/usr/share/edk2/ovmf/OVMF_CODE.fd', '/usr/share/edk2/ovmf/OVMF_VARS.fd'],
  ['/usr/share/edk2/x64/OVMF_CODE.4m.fd', '/usr/share/edk2/x64/OVMF_VARS.4m.fd'],
] as const

/** @throws LabError where there is none */
function findUefi(folders: readonly string[]): Uefi {
  const own = folders.map((folder) => [join(folder, 'edk2-x86_64-code.fd'), join(folder, 'edk2-i386-vars.fd')] as const)
  const found = [...x86Firmwares, ...own].find((paths) => paths.every((path) => existsSync(path)))
  if (found === undefined) {
    throw new LabError('UEFI firmware for QEMU is not installed', {
      hint: 'install it (on Debian: apt-get install ovmf) or leave --firmware out',
    })
  }
  return { code: found[0], variables: found[1] }
}

/** What a QEMU says of itself. @throws LabError where it is missing */
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

/** UEFI firmware for aarch64 machines. @throws LabError where even QEMU for them is missing */
export async function findArm64Firmware(): Promise<string | undefined> {
  const { folders } = await requireQemu(arm64Program, arm64Hint)
  return [...arm64Firmwares, ...folders.map((folder) => join(folder, 'edk2-aarch64-code.fd'))].find((path) =>
    existsSync(path),
  )
}

/** @throws LabError for a boot URL that DHCP cannot carry to the machine */
function checkBootUrl({ bootUrl }: MachineSpec): void {
  if (Buffer.byteLength(bootUrl) <= maxBootUrlBytes) return
  throw new LabError(`boot URL ${JSON.stringify(bootUrl)} is longer than the ${maxBootUrlBytes} bytes DHCP carries`)
}

/** A driver that says how its machines' processors are run. */
export interface QemuDriver extends MachineDriver {
  readonly kind: 'qemu'
  readonly chosen: ChosenAccelerator
}

/** What a driver needs. Disks are kept in diskFolder, which is made where it is missing. */
export interface QemuDriverOptions {
  diskFolder: string
  /** What x86_64 machines start with; BIOS where it is absent. */
  firmware?: 'bios' | 'uefi'
  /** What runs x86_64 machines; by default the fastest that works. */
  accelerator?: 'auto' | 'kvm' | 'tcg' | undefined
  /** File that keeps what a trial of the accelerator came to. */
  verdictPath?: string | undefined
  /** Path of KVM's device. */
  kvmPath?: string | undefined
  /** How long that trial may take. */
  trialMs?: number | undefined
  /** Silence after which an accelerated machine stands still. */
  stillMs?: number | undefined
  /** What QEMU says of itself, if it has been asked already. */
  look?: Promise<QemuLook> | undefined
  report: Reporter
  signal?: AbortSignal
}

/**
 * Looks for QEMU, and for what runs its machines fastest here. What aarch64 machines need is looked for when one is switched on.
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
    wanted: options.accelerator,
    verdictPath: options.verdictPath,
    patienceMs: options.trialMs,
    kvmPath: options.kvmPath,
    report,
    signal,
  })
  signal?.throwIfAborted()
  const owner = await nameProcess(process.pid)
  let { accelerator } = chosen
  // Machines that were started before may stop for the same reason: each says so, none goes back.
  const replaceAccelerator = (failed: Accelerator, why: string) => {
    if (failed === tcg) return false
    accelerator = tcg
    report.warn(`${titleOf(failed)} failed: ${why}; the machine starts again with TCG, which this lab uses from now on`)
    return true
  }
  return {
    kind: 'qemu',
    chosen,
    discard: (id) => removeDisk(diskFolder, id),
    keepOnly: (ids) => keepDisks(diskFolder, ids),
    async powerOn(spec: MachineSpec, onRestart = () => {}) {
      checkBootUrl(spec)
      const firmware = spec.arch === 'aarch64' ? await findArm64Firmware() : undefined
      const files = { disk: await prepareDisk(diskFolder, spec.id), owner }
      if (spec.arch === 'aarch64') {
        return powerOnArm64(spec, { firmware, files, hint: arm64Hint, report })
      }
      const hint = x86Hint
      const { stillMs } = options
      return await powerOnX86(spec, {
        accelerator: () => accelerator,
        replaceAccelerator,
        onRestart,
        files,
        uefi,
        hint,
        report,
        stillMs,
      })
    },
  }
}
