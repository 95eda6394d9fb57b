// The lab that a command is about.
import { LabError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { defaultName, findRunningLab, nameFlag, type RunningLab } from '../../lab/state/running-labs.ts'
import { stateFolderOf } from '../../lab/state/state-paths.ts'

/** Says that no lab runs, or none of the name, and how to start it. */
export function noLab(name: string | undefined): LabError {
  return new LabError(name === undefined ? 'no lab runs' : `no lab named "${name}" runs`, {
    hint: `start one with metalkit lab${nameFlag(name ?? defaultName)}`,
  })
}

/** The lab of the name that runs, or without a name the one that is meant. @throws LabError if it does not run */
export async function requireLab(name: string | undefined, { env }: Context): Promise<RunningLab> {
  const lab = await findRunningLab(stateFolderOf(env), name)
  if (lab === undefined) throw noLab(name)
  return lab
}
