// Finds the lab that a command refers to.
import { LabError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { defaultName, findRunningLab, nameFlag, type RunningLab } from '../../lab/storage/running-labs.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'

/** The error if no lab, or no lab of this name, is running. It says how to start one. */
export function noLab(name: string | undefined): LabError {
  return new LabError(name === undefined ? 'no lab is running' : `no lab named "${name}" is running`, {
    hint: `start one with metalkit lab${nameFlag(name ?? defaultName)}`,
  })
}

/** Finds the running lab of a name, or without a name the default choice. @throws LabError if it is not running */
export async function requireLab(name: string | undefined, { env }: Context): Promise<RunningLab> {
  const lab = await findRunningLab(stateFolderOf(env), name)
  if (lab === undefined) throw noLab(name)
  return lab
}
