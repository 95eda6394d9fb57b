// How QEMU runs a machine's processors: natively (KVM; on macOS HVF) if that really works, otherwise by translation (TCG).
import { open } from 'node:fs/promises'
import { join } from 'node:path'

import { LabError, messageOf } from '../../../errors.ts'
import { errorCode } from '../../../text/system-error.ts'
import type { Reporter } from '../../../io.ts'
import { keepAnswer, readKeptAnswer } from '../../storage/kept-answer.ts'

/** A way to run a machine's processors, with QEMU's arguments for it. */
export interface Accelerator {
  readonly name: 'kvm' | 'hvf' | 'tcg'
  readonly args: readonly string[]
}

/** Runs natively on Linux. */
export const kvm: Accelerator = { name: 'kvm', args: ['-accel', 'kvm', '-cpu', 'host'] }

/** Runs natively on macOS. */
const hvf: Accelerator = { name: 'hvf', args: ['-accel', 'hvf', '-cpu', 'host'] }

/** Translates; works everywhere. */
export const tcg: Accelerator = { name: 'tcg', args: ['-accel', 'tcg,thread=multi', '-cpu', 'max'] }

/** A lab's accelerator, and if it is slow the reason. */
export interface ChosenAccelerator {
  readonly accelerator: Accelerator
  /** Why it is slow, as a clause. */
  readonly whySlow?: string
  /** How to make it fast. */
  readonly remedy?: string
}

/** The inputs of the choice. */
export interface AcceleratorOptions {
  /** The QEMU program. */
  program: string
  /** Its version. */
  version: string
  /** `kvm` skips the trial; a machine that KVM stops is still restarted with TCG. */
  requested?: 'auto' | 'kvm' | 'tcg' | undefined
  /** The file that keeps the verdict of a trial; without it each choice runs a trial. */
  verdictPath?: string | undefined
  /** How long the trial machine may take to get through iPXE. */
  patienceMs?: number | undefined
  /** Path of KVM's device. */
  kvmPath?: string | undefined
  report: Pick<Reporter, 'info'>
  signal?: AbortSignal | undefined
}

/** The file of the verdict in a state folder. */
export function verdictPathOf(stateFolder: string): string {
  return join(stateFolder, 'accelerator.json')
}

/** The accelerator's name in messages. */
export function titleOf({ name }: Accelerator): string {
  return name.toUpperCase()
}

/** Opens KVM's device, as QEMU will. @returns why that fails; undefined if it succeeds */
async function findObstacle(path: string): Promise<{ whySlow: string; remedy: string } | undefined> {
  try {
    await (await open(path, 'r+')).close()
    return undefined
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (['ENOENT', 'ENODEV', 'ENXIO'].includes(code)) {
      const remedy =
        'enable virtualization in the firmware (for a virtual machine: nested virtualization) and load kvm_intel or kvm_amd'
      return { whySlow: `this computer has no ${path}`, remedy }
    }
    if (['EACCES', 'EPERM'].includes(code)) {
      const remedy = `add this user to the group of ${path}, or pass the device to the container`
      return { whySlow: `this user is not allowed to open ${path}`, remedy }
    }
    return { whySlow: `${path} cannot be opened: ${messageOf(error)}`, remedy: `check ${path}` }
  }
}

/** Tries an accelerator, or uses the verdict of the last trial. @returns why it does not work; undefined if it works */
async function judge(accelerator: Accelerator, options: AcceleratorOptions): Promise<string | undefined> {
  const { program, version, verdictPath, report, signal, patienceMs = 15_000 } = options
  const conditions = [version, accelerator.name]
  const verdict = verdictPath === undefined ? undefined : await readKeptAnswer(verdictPath, conditions)
  const known = verdict?.['flaw']
  if (known === null || typeof known === 'string') return known ?? undefined
  report.info(`testing ${titleOf(accelerator)} with a trial machine, once after each boot of this computer...`)
  const { probeAccelerator } = await import('./accelerator-probe.ts')
  const flaw = await probeAccelerator(program, accelerator, { patienceMs, signal })
  signal?.throwIfAborted()
  if (verdictPath !== undefined) await keepAnswer(verdictPath, conditions, { flaw: flaw ?? null })
  return flaw
}

/**
 * Chooses the fastest accelerator that works on this computer, or the requested one.
 * @throws LabError if KVM is requested and cannot be opened
 */
export async function chooseAccelerator(options: AcceleratorOptions): Promise<ChosenAccelerator> {
  const { requested = 'auto', kvmPath = '/dev/kvm' } = options
  if (requested === 'tcg')
    return { accelerator: tcg, whySlow: '--accelerator is tcg', remedy: 'use --accelerator auto' }
  const isMac = process.platform === 'darwin'
  const fast = isMac && requested === 'auto' ? hvf : kvm
  const obstacle = fast === kvm ? await findObstacle(kvmPath) : undefined
  if (requested === 'kvm') {
    if (obstacle === undefined) return { accelerator: kvm }
    throw new LabError(`KVM is not available: ${obstacle.whySlow}`, { hint: 'use --accelerator auto' })
  }
  if (obstacle !== undefined) return { accelerator: tcg, ...obstacle }
  const flaw = await judge(fast, options)
  if (flaw === undefined) return { accelerator: fast }
  const remedy = `${titleOf(fast)} does not work on this computer; --accelerator kvm uses it anyway`
  return { accelerator: tcg, whySlow: flaw, remedy: isMac ? 'update QEMU' : remedy }
}
