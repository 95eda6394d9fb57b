// Which labs run on this computer, so that a shell beside one can use it: a file a lab, named by its process.
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, LabError } from '../errors.ts'

interface LabRecord {
  /** RFC 3339. */
  startedAt: string
  /** What labEnvironment gave; the token is among it, so the file is its owner's only. */
  environment: Record<string, string>
  name?: string | undefined
}

function folderOf(stateFolder: string): string {
  return join(stateFolder, 'running')
}

/** Records the lab of this process. Disposing it removes the record. @throws LabError where it cannot be written */
export async function recordLab(
  stateFolder: string,
  environment: Record<string, string>,
  name?: string,
): Promise<AsyncDisposable> {
  const folder = folderOf(stateFolder)
  const path = join(folder, `${process.pid}.json`)
  const record: LabRecord = { startedAt: new Date().toISOString(), environment, name }
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(record))
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new LabError(`cannot record the lab in "${folder}": ${why}`, {
      hint: 'set XDG_STATE_HOME to a folder of yours',
      cause,
    })
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
    },
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

function parseRecord(text: string): LabRecord | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only recordLab writes these files, whole or not at all
    return JSON.parse(text) as LabRecord
  } catch {
    return undefined
  }
}

/**
 * The environment of the lab that was started last and still runs, of those with the name where one is given. Records of labs
 * that were killed are removed.
 */
export async function findRunningLab(
  stateFolder: string,
  labName?: string,
): Promise<Record<string, string> | undefined> {
  const folder = folderOf(stateFolder)
  const names = await readdir(folder).catch(() => [])
  let newest: LabRecord | undefined
  for (const name of names.filter((one) => /^\d+\.json$/.test(one))) {
    const path = join(folder, name)
    const record = parseRecord(await readFile(path, 'utf8').catch(() => ''))
    if (record === undefined || !isRunning(Number.parseInt(name))) await rm(path, { force: true })
    else if (labName !== undefined && record.name !== labName) continue
    else if (newest === undefined || record.startedAt > newest.startedAt) newest = record
  }
  return newest?.environment
}
