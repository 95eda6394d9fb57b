// Where a lab keeps its machines' disks: those of a lab with a name stay for its next start, the others end with the lab.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { isLocked, tryLock } from './file-lock.ts'
import { nameProcess } from './process-name.ts'
import { prepareStateFolder } from './state-folder.ts'

/** The folder that all disks of the labs of a state folder are below. */
export function allDisks(stateFolder: string): string {
  return join(stateFolder, 'disks')
}

/** A process as the name of a folder. */
function folderNameOf(process: string): string {
  return `of-${process.replace(' ', '-')}`
}

/** The file that is locked as long as the lab of a folder lives. */
function lockOf(path: string): string {
  return `${path}.lock`
}

/** Deletes the disks of unnamed labs that were killed. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!/^of-\d+(?:-\d+)?$/.test(name)) continue
    const path = join(folder, name)
    // A process of another container has a number that means nothing here: the lock tells.
    if (await isLocked(lockOf(path))) continue
    await rm(path, { recursive: true, force: true })
    await rm(lockOf(path), { force: true })
  }
}

/** Takes the folder of the lab with this name, or of this process where it has none; disposing it deletes the latter. */
export async function openDiskFolder(
  stateFolder: string,
  labName: string | undefined,
): Promise<AsyncDisposable & { path: string }> {
  const folder = allDisks(stateFolder)
  await prepareStateFolder(folder)
  await sweep(folder)
  if (labName !== undefined) return { path: join(folder, labName), async [Symbol.asyncDispose]() {} }
  const path = join(folder, folderNameOf(await nameProcess(process.pid)))
  const lock = await tryLock(lockOf(path))
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true })
      await lock[Symbol.asyncDispose]?.()
      await rm(lockOf(path), { force: true })
    },
  }
}
