// What a QEMU says of itself. Asked first and waited for last: it takes as long as a lab takes to load.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** QEMU for x86_64 machines. */
export const x86Program = 'qemu-system-x86_64'

/** A QEMU that starts. */
export interface QemuLook {
  /** The folders in which it looks for firmware. */
  folders: readonly string[]
  /** Its first line about its version. */
  version: string
}

/** Rejects as the system does where it does not start. */
export async function lookAtQemu(program: string, signal?: AbortSignal): Promise<QemuLook> {
  const ask = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(program, args, signal === undefined ? {} : { signal })
    return stdout.split('\n').filter((line) => line !== '')
  }
  const [folders, [version = '']] = await Promise.all([ask('-L', 'help'), ask('--version')])
  return { folders, version }
}
