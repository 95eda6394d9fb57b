// The folders of machines' disks. A named lab keeps its disks for its next start; the disks of an unnamed lab are deleted with it.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { isLocked, tryLock } from './file-lock.ts'
import { nameProcess } from './process-name.ts'
import { cannotUse, prepareStateFolder } from './state-folder.ts'

/** The folder above all disks of a state folder's labs. */
export function allDisks(stateFolder: string): string {
  return join(stateFolder, 'disks')
}

/** The name of a process's folder. */
function folderNameOf(process: string): string {
  return `of-${process.replace(' ', '-')}`
}

/** The file that is locked as long as the folder's lab runs. */
function lockOf(path: string): string {
  return `${path}.lock`
}

/** Deletes the disks of unnamed labs that were killed. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!/^of-\d+(?:-\d+)?$/.test(name)) continue
    const path = join(folder, name)
    // A process number of another container means nothing here, so the lock decides.
    if (await isLocked(lockOf(path))) continue
    await rm(path, { recursive: true, force: true })
    await rm(lockOf(path), { force: true })
  }
}

/** Opens the folder of a named lab. An unnamed lab gets a folder for its process, which disposing deletes. @throws LabError if it cannot be written */
export async function openDiskFolder(
  stateFolder: string,
  labName: string | undefined,
): Promise<AsyncDisposable & { path: string }> {
  const folder = allDisks(stateFolder)
  await prepareStateFolder(folder)
  await sweep(folder)
  if (labName !== undefined) return { path: join(folder, labName), async [Symbol.asyncDispose]() {} }
  const path = join(folder, folderNameOf(await nameProcess(process.pid)))
  const lock = await tryLock(lockOf(path)).catch((cause: unknown) => {
    throw cannotUse(folder, cause)
  })
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true })
      await lock[Symbol.asyncDispose]?.()
      await rm(lockOf(path), { force: true })
    },
  }
}
