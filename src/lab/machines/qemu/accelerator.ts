// How QEMU runs a machine's processors: on this computer's own (KVM, on macOS HVF) if that really works, else translated (TCG).
import { open } from 'node:fs/promises'
import { join } from 'node:path'

import { errorCode, LabError, messageOf } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { probeAccelerator } from './accelerator-probe.ts'
import { readVerdict, writeVerdict } from './accelerator-verdict.ts'

/** A way to run a machine's processors, with QEMU's arguments for it. */
export interface Accelerator {
  readonly name: 'kvm' | 'hvf' | 'tcg'
  readonly args: readonly string[]
}

/** With the processor of this computer. */
export const kvm: Accelerator = { name: 'kvm', args: ['-accel', 'kvm', '-cpu', 'host'] }

/** The same on macOS. */
const hvf: Accelerator = { name: 'hvf', args: ['-accel', 'hvf', '-cpu', 'host'] }

/** Works everywhere. */
export const tcg: Accelerator = { name: 'tcg', args: ['-accel', 'tcg,thread=multi', '-cpu', 'max'] }

/** The accelerator of a lab, and why it is not the faster one. */
export interface ChosenAccelerator {
  readonly accelerator: Accelerator
  /** What is slow and why, as half a sentence. */
  readonly whySlow?: string
  /** What would make it fast. */
  readonly remedy?: string
}

/** What a choice is made of. */
export interface AcceleratorOptions {
  /** QEMU. */
  program: string
  /** Its version. */
  version: string
  /** `kvm` skips the trial: a machine that it stops is restarted with TCG all the same. */
  wanted?: 'auto' | 'kvm' | 'tcg' | undefined
  /** File that keeps the verdict of a trial; without one each choice tries anew. */
  verdictPath?: string | undefined
  /** How long the trial machine may take to get through iPXE. */
  patienceMs?: number | undefined
  /** Path of KVM's device. */
  kvmPath?: string | undefined
  report: Pick<Reporter, 'info'>
  signal?: AbortSignal | undefined
}

/** Where a lab with this state folder keeps the verdict. */
export function verdictPathOf(stateFolder: string): string {
  return join(stateFolder, 'accelerator.json')
}

/** How people call it. */
export function titleOf({ name }: Accelerator): string {
  return name.toUpperCase()
}

/** Opens KVM's device, as QEMU will. @returns why that does not work */
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
      return { whySlow: `this user may not open ${path}`, remedy }
    }
    return { whySlow: `${path} cannot be opened: ${messageOf(error)}`, remedy: `check ${path}` }
  }
}

/** Tries an accelerator, or remembers the last trial. @returns why it does not work */
async function judge(accelerator: Accelerator, options: AcceleratorOptions): Promise<string | undefined> {
  const { program, version, verdictPath, report, signal, patienceMs = 15_000 } = options
  const question = { version, accelerator: accelerator.name }
  const known = verdictPath === undefined ? undefined : await readVerdict(verdictPath, question)
  if (known !== undefined) return known.flaw ?? undefined
  report.info(`trying ${titleOf(accelerator)} with a machine, once after each start of this computer...`)
  const flaw = await probeAccelerator(program, accelerator, { patienceMs, signal })
  signal?.throwIfAborted()
  if (verdictPath !== undefined) await writeVerdict(verdictPath, { ...question, flaw: flaw ?? null })
  return flaw
}

/**
 * The fastest accelerator that works here, or the one that is asked for.
 * @throws LabError where KVM is asked for and cannot be opened
 */
export async function chooseAccelerator(options: AcceleratorOptions): Promise<ChosenAccelerator> {
  const { wanted = 'auto', kvmPath = '/dev/kvm' } = options
  if (wanted === 'tcg') return { accelerator: tcg, whySlow: '--accelerator is tcg', remedy: 'use --accelerator auto' }
  const isMac = process.platform === 'darwin'
  const fast = isMac && wanted === 'auto' ? hvf : kvm
  const obstacle = fast === kvm ? await findObstacle(kvmPath) : undefined
  if (wanted === 'kvm') {
    if (obstacle === undefined) return { accelerator: kvm }
    throw new LabError(`KVM is not available: ${obstacle.whySlow}`, { hint: 'use --accelerator auto' })
  }
  if (obstacle !== undefined) return { accelerator: tcg, ...obstacle }
  const flaw = await judge(fast, options)
  if (flaw === undefined) return { accelerator: fast }
  const remedy = `${titleOf(fast)} of this computer does not work; --accelerator kvm uses it all the same`
  return { accelerator: tcg, whySlow: flaw, remedy: isMac ? 'update QEMU' : remedy }
}
