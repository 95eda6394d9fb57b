// The disc of a rack, if a machine boots from one.
import { describeError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import type { RackFile } from '../file/rack-file.ts'
import { makeDisc } from './disc.ts'
import { chooseDiscFiles } from './disc-files.ts'
import { discScript } from './disc-script.ts'

/** Makes the disc for the machines of a rack. What it lacks is a warning: the other machines work without it. */
export async function openDisc(
  file: RackFile,
  origin: string,
  { report, signal }: { report: Pick<Reporter, 'warn'>; signal: AbortSignal },
): Promise<Buffer | undefined> {
  const machines = file.machines.filter(({ boot, inUse }) => boot === 'media' && !inUse)
  if (machines.length === 0) return undefined
  const { files, problems, warnings } = await chooseDiscFiles(file)
  for (const line of [...problems, ...warnings]) report.warn(`rack: the disc for boot: media: ${line}`)
  if (files.bios === undefined && files.uefi === undefined && files.uefiArm64 === undefined) return undefined
  try {
    return await makeDisc(files, discScript(origin, machines), signal)
  } catch (error) {
    signal.throwIfAborted()
    report.warn(`rack: ${describeError(error)}`)
    return undefined
  }
}
