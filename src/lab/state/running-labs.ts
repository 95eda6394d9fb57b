// Which labs run on this computer, so that a shell beside one can use it: a file a lab, named by its process.
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError, describeCondition } from '../../errors.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { isLocked, type LockAttempt, tryLock } from './file-lock.ts'
import { replaceFile } from './private-file.ts'
import { nameProcess } from './process-name.ts'

/** What the lab that was given no name is called. */
export const defaultName = 'default'

/** What a word for a lab takes to mean the one of this name: ` --name x`, or nothing. */
export function nameFlag(name: string): string {
  return name === defaultName ? '' : ` --name ${name}`
}

/** A lab that runs. */
export interface RunningLab {
  /** Its process, as nameProcess has it. */
  process: string
  /** undefined for one that was started for a command. */
  name?: string | undefined
  /** RFC 3339. */
  startedAt: string
  /** What labEnvironment gave; the token is among it, so the file is its owner's only. */
  environment: Record<string, string>
}

function folderOf(stateFolder: string): string {
  return join(stateFolder, 'running')
}

/** The file that is locked as long as the lab of a record lives. */
function lockOf(path: string): string {
  return `${path}.lock`
}

/** Records the lab of this process. Disposing it removes the record. @throws LabError where it cannot be written */
export async function recordLab(
  stateFolder: string,
  environment: Record<string, string>,
  name?: string,
): Promise<AsyncDisposable> {
  const folder = folderOf(stateFolder)
  const own = await nameProcess(process.pid)
  const path = join(folder, `${own.replace(' ', '-')}.json`)
  const record: RunningLab = {
    process: own,
    name,
    startedAt: new Date().toISOString(),
    environment,
  }
  let lock: LockAttempt
  try {
    await makeFolder(folder, 0o700)
    lock = await tryLock(lockOf(path))
    await replaceFile(path, JSON.stringify(record))
  } catch (cause) {
    const why = describeCondition(cause)
    throw new LabError(`cannot record the lab in "${folder}": ${why}`, {
      hint: 'set XDG_STATE_HOME to a folder of yours',
      cause,
    })
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
      await lock[Symbol.asyncDispose]?.()
      await rm(lockOf(path), { force: true })
    },
  }
}

function parseRecord(text: string): RunningLab | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only recordLab writes these files, whole or not at all
    return JSON.parse(text) as RunningLab
  } catch {
    return undefined
  }
}

/** The labs that run, newest first. Records of labs that were killed are removed. */
export async function listRunningLabs(stateFolder: string): Promise<RunningLab[]> {
  const folder = folderOf(stateFolder)
  const files = await readdir(folder).catch(() => [])
  const running: RunningLab[] = []
  for (const file of files.filter((one) => /^\d+(?:-\d+)?\.json$/.test(one))) {
    const path = join(folder, file)
    const record = parseRecord(await readFile(path, 'utf8').catch(() => ''))
    // A process of another container has a number that means nothing here: the lock tells.
    if (record !== undefined && (await isLocked(lockOf(path)))) {
      running.push(record)
      continue
    }
    await rm(path, { force: true })
    await rm(lockOf(path), { force: true })
  }
  return running.toSorted((one, other) => other.startedAt.localeCompare(one.startedAt))
}

/** The lab of the name that runs; without one the unnamed lab, and where that does not run the one that was started last. */
export async function findRunningLab(stateFolder: string, name?: string): Promise<RunningLab | undefined> {
  const running = await listRunningLabs(stateFolder)
  const found = running.find((lab) => lab.name === (name ?? defaultName))
  return found ?? (name === undefined ? running[0] : undefined)
}
