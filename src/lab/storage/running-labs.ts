// Records of the labs that run on this computer, so that other shells can use them: one file per lab, named after its process.
import { access, constants, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Address } from '../../address.ts'
import { LabError } from '../../errors.ts'
import { describeCondition } from '../../text/system-error.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { readJson } from '../../text/json.ts'
import { isLocked, type LockAttempt, tryLock } from './file-lock.ts'
import { writePassingFile } from './private-file.ts'
import { findProcess, nameProcess } from './process-name.ts'

/** The name of a lab that was started without --name. */
export const defaultName = 'default'

/** The flag that selects the lab of this name: ` --name x`, or '' for the default name. */
export function nameFlag(name: string): string {
  return name === defaultName ? '' : ` --name ${name}`
}

/** A running lab. */
export interface RunningLab {
  /** Its process, in the form of nameProcess. */
  process: string
  /** Undefined for a lab that was started for a command. */
  name?: string | undefined
  /** The rack file, if its machines are hardware. */
  rack?: string | undefined
  /** The origin of its server. */
  origin: string
  apiUrl: string
  /** The address of its consoles. */
  sos: Address
  /** The token of its API and its own routes: only the owner can read the file. */
  token: string
  /** RFC 3339. */
  startedAt: string
  /** The variables of labEnvironment. */
  environment: Record<string, string>
}

/** The word for a running lab in messages. */
export function kindOf({ rack }: Pick<RunningLab, 'rack'>): 'lab' | 'rack' {
  return rack === undefined ? 'lab' : 'rack'
}

/** The ports of a lab's API and console. */
export function portsOf({ origin, sos }: RunningLab): number[] {
  return [Number(new URL(origin).port), sos.port]
}

function folderOf(stateFolder: string): string {
  return join(stateFolder, 'running')
}

/** The file that is locked as long as the record's lab runs. */
function lockOf(path: string): string {
  return `${path}.lock`
}

function cannotRecord(folder: string, cause: unknown): LabError {
  return new LabError(`cannot record this process in "${folder}": ${describeCondition(cause)}`, {
    hint: 'set XDG_STATE_HOME to a folder of yours',
    cause,
  })
}

/** Creates the folder of the records, so that a lab that cannot be recorded fails early. @throws LabError */
export async function prepareRecords(stateFolder: string): Promise<void> {
  const folder = folderOf(stateFolder)
  try {
    await makeFolder(folder, 0o700)
    // With the slash it must be a folder.
    await access(`${folder}/`, constants.W_OK)
  } catch (cause) {
    throw cannotRecord(folder, cause)
  }
}

/** Records the lab of this process. Disposing it removes the record. @throws LabError if the record cannot be written */
export async function recordLab(
  stateFolder: string,
  { name, rack, origin, apiUrl, sos, token, environment }: Omit<RunningLab, 'process' | 'startedAt'>,
): Promise<AsyncDisposable> {
  const folder = folderOf(stateFolder)
  const own = await nameProcess(process.pid)
  const path = join(folder, `${own.replace(' ', '-')}.json`)
  const record: RunningLab = {
    process: own,
    name,
    rack,
    origin,
    apiUrl,
    sos,
    token,
    startedAt: new Date().toISOString(),
    environment,
  }
  let lock: LockAttempt
  await prepareRecords(stateFolder)
  try {
    lock = await tryLock(lockOf(path))
    await writePassingFile(path, JSON.stringify(record))
  } catch (cause) {
    throw cannotRecord(folder, cause)
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only recordLab writes these files, whole or not at all
  return readJson(text) as RunningLab | undefined
}

/** The lab of a file: of its record, the record's lock, or a record that is being written. */
function ownerOf(file: string): string | undefined {
  return /^\.?(\d+(?:-\d+)?)\.json(?:\.\w+)?$/.exec(file)?.[1]
}

/** Lists the running labs, newest first. Removes the files of labs that were killed. */
export async function listRunningLabs(stateFolder: string): Promise<RunningLab[]> {
  const folder = folderOf(stateFolder)
  const files = await readdir(folder).catch(() => [])
  const running: RunningLab[] = []
  for (const owner of new Set(files.map(ownerOf))) {
    if (owner === undefined) continue
    const path = join(folder, `${owner}.json`)
    const record = parseRecord(await readFile(path, 'utf8').catch(() => ''))
    // A process number of another container means nothing here, so the lock decides.
    if (await isLocked(lockOf(path))) {
      if (record !== undefined) running.push(record)
      continue
    }
    // A lab that is starting has no record, and for a moment no lock either.
    if (record === undefined && (await findProcess(owner.replace('-', ' '))) !== undefined) continue
    for (const file of files) if (ownerOf(file) === owner) await rm(join(folder, file), { force: true })
  }
  return running.toSorted((lab, other) => other.startedAt.localeCompare(lab.startedAt))
}

/** Finds the running lab with a name; without a name, the default lab, or if it is not running, the lab that was started last. */
export async function findRunningLab(stateFolder: string, name?: string): Promise<RunningLab | undefined> {
  const running = await listRunningLabs(stateFolder)
  const named = running.find((lab) => lab.name === (name ?? defaultName))
  return named ?? (name === undefined ? running[0] : undefined)
}
