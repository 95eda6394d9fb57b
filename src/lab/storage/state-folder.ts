// The folder in which labs keep their keys, and named labs their devices. Only the owner can read it.
import { chmod, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { temporaryPrefix } from '../../files/atomic-file.ts'
import { LabError } from '../../errors.ts'
import { describeCondition } from '../../text/system-error.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { tryLock } from './file-lock.ts'
import { findRunningLab, kindOf, nameFlag, type RunningLab } from './running-labs.ts'

/** The error if a state folder cannot be created or written. */
export function cannotUse(folder: string, cause: unknown): LabError {
  return new LabError(`cannot use "${folder}" as state folder: ${describeCondition(cause)}`, {
    hint: 'set XDG_STATE_HOME to a folder of yours',
    cause,
  })
}

/** Creates the folder and makes it private. @throws LabError if that fails */
export async function prepareStateFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder, 0o700)
    await chmod(folder, 0o700)
  } catch (error) {
    throw cannotUse(folder, error)
  }
}

/** Removes unfinished replacements of a file that a killed lab left behind. */
async function removeUnfinished(path: string): Promise<void> {
  const unfinished = (await readdir(dirname(path))).filter((name) => name.startsWith(temporaryPrefix(path)))
  for (const name of unfinished) await rm(join(dirname(path), name), { force: true })
}

/** The refusal of a name that a running lab or rack has; `where` says where it runs. */
export function nameIsTaken(name: string, where: string, kind: 'lab' | 'rack'): LabError {
  return new LabError(`a ${kind} named "${name}" is already running, ${where}`, {
    hint: `to use it, run: eval "$(metalkit ${kind} env${nameFlag(name)})"; or start this one with another --name`,
  })
}

/**
 * Takes the lock in the file `path`; disposing releases it. The lock of a killed process does not count.
 * @param findHolder finds the record of the running lab or rack that has the lock
 * @throws LabError that names the process holding it
 */
export async function lockState(
  path: string,
  name: string,
  findHolder?: () => Promise<Pick<RunningLab, 'rack'> | undefined>,
): Promise<AsyncDisposable> {
  const attempt = await tryLock(path)
  if (attempt.state === 'locked') return attempt
  const where = attempt.holder === undefined ? 'in another container' : `as process ${attempt.holder}`
  throw nameIsTaken(name, where, kindOf((await findHolder?.()) ?? {}))
}

/**
 * Locks the file that keeps the devices of the lab with this name; disposing releases it.
 * @throws LabError if a lab of that name is running, or the folder cannot be used
 */
export async function openCloudFile(folder: string, name: string): Promise<AsyncDisposable & { path: string }> {
  const clouds = join(folder, 'clouds')
  await prepareStateFolder(folder)
  await prepareStateFolder(clouds)
  const lock = await lockState(join(clouds, `${name}.lock`), name, () => findRunningLab(folder, name))
  const path = join(clouds, `${name}.json`)
  await removeUnfinished(path)
  return { path, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() }
}
