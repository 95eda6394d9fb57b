// What QEMU reports about itself. The query starts first and is awaited last: it takes as long as loading the lab.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** QEMU for x86_64 machines. */
export const x86Program = 'qemu-system-x86_64'

/** QEMU for aarch64 machines. */
export const arm64Program = 'qemu-system-aarch64'

/** What a QEMU that starts reports about itself. */
export interface QemuLook {
  /** The folders that it searches for firmware. */
  folders: readonly string[]
  /** The first line of its version text. */
  version: string
}

/** Queries QEMU. Rejects with the system's error if it does not start. */
export async function lookAtQemu(program: string, signal?: AbortSignal): Promise<QemuLook> {
  const ask = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(program, args, signal === undefined ? {} : { signal })
    return stdout.split('\n').filter((line) => line !== '')
  }
  const [folders, [version = '']] = await Promise.all([ask('-L', 'help'), ask('--version')])
  return { folders, version }
}
