// How QEMU runs a machine's processors: on this computer's (KVM) where that really works, else translated (TCG).
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'

/** A way to run a machine's processors, with QEMU's arguments for it. */
export interface Accelerator {
  readonly name: 'kvm' | 'tcg'
  readonly args: readonly string[]
}

/** With the processor of this computer. */
export const kvm: Accelerator = { name: 'kvm', args: ['-accel', 'kvm', '-cpu', 'host'] }

/** Works everywhere. */
export const tcg: Accelerator = { name: 'tcg', args: ['-accel', 'tcg,thread=multi', '-cpu', 'max'] }

const firstWordTimeoutMs = 3000

/**
 * Whether a machine runs with it: it is started without disks or network until its firmware writes to the debug console.
 * A device file or a version says too little: KVM inside some containers starts and aborts, or takes seconds to the first word.
 */
export async function tryAccelerator(qemu: string, accelerator: Accelerator, signal?: AbortSignal): Promise<boolean> {
  const machine = ['-no-user-config', '-nodefaults', '-machine', 'q35', '-display', 'none']
  const debugConsole = ['-chardev', 'stdio,id=debug,signal=off', '-device', 'isa-debugcon,iobase=0x402,chardev=debug']
  const child = spawn(qemu, [...machine, ...accelerator.args, ...debugConsole], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: firstWordTimeoutMs,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  })
  return await new Promise((resolve) => {
    let spoke = false
    child.stdout.on('data', () => {
      spoke = true
      child.kill('SIGKILL')
    })
    child.on('error', () => resolve(false))
    child.on('close', () => resolve(spoke))
  })
}

/** The best accelerator that works here. */
export async function chooseAccelerator(qemu: string, signal?: AbortSignal): Promise<Accelerator> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return tcg
  }
  return (await tryAccelerator(qemu, kvm, signal)) ? kvm : tcg
}
