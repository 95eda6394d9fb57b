// The disks of QEMU's machines: sparse files, which take only the space of the data written to them.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { createAtomicFile } from '../../../files/atomic-file.ts'
import { LabError, messageOf } from '../../../errors.ts'
import { errorCode } from '../../../text/system-error.ts'
import { makeFolder } from '../../../files/make-folder.ts'

/** The size that the machine sees, in bytes: enough to install a system. */
export const diskBytes = 8 * 1024 ** 3

/** Path of a machine's disk. */
export function diskPath(folder: string, id: string): string {
  return join(folder, `${id}.raw`)
}

/**
 * Creates the disk of a machine unless it exists: empty, and accessible only to its owner.
 * @returns its path
 * @throws LabError if it cannot be created
 */
export async function prepareDisk(folder: string, id: string): Promise<string> {
  const path = diskPath(folder, id)
  try {
    await makeFolder(folder, 0o700)
    const isThere = await stat(path).then(
      () => true,
      (error: unknown) => {
        if (errorCode(error) !== 'ENOENT') throw error
        return false
      },
    )
    if (isThere) return path
    await using disk = await createAtomicFile(path, 0o600)
    await disk.handle.truncate(diskBytes)
    await disk.place()
    return path
  } catch (cause) {
    const why = messageOf(cause)
    throw new LabError(`cannot create the disk "${path}": ${why}`, { cause })
  }
}

/** Deletes the disk of a machine, if it exists. */
export async function removeDisk(folder: string, id: string): Promise<void> {
  await rm(diskPath(folder, id), { force: true })
}

/** Deletes all disks except the disks of these machines. */
export async function keepDisks(folder: string, ids: readonly string[]): Promise<void> {
  const kept = new Set(ids.map((id) => `${id}.raw`))
  for (const name of await readdir(folder).catch(() => [])) {
    if (/\.raw(\.new|\.[0-9a-f]{12})?$/.test(name) && !kept.has(name)) await rm(join(folder, name), { force: true })
  }
}
