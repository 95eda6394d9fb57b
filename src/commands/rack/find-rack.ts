// Finds the rack that a command refers to.
import { asRackError, RackError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { askLab, type LabQuestion } from '../../lab/storage/ask-lab.ts'
import { listRunningLabs, type RunningLab } from '../../lab/storage/running-labs.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'

/** The name of a rack that was started without --name. */
export const defaultRackName = 'rack'

/** Finds the running rack of a name; without one, the default rack, or the one that was started last. @throws RackError if it is not running */
export async function requireRack(name: string | undefined, { env }: Pick<Context, 'env'>): Promise<RunningLab> {
  const racks = (await listRunningLabs(stateFolderOf(env))).filter((lab) => lab.rack !== undefined)
  const rack =
    racks.find((running) => running.name === (name ?? defaultRackName)) ?? (name === undefined ? racks[0] : undefined)
  if (rack !== undefined) return rack
  throw new RackError(name === undefined ? 'no rack is running' : `no rack named "${name}" is running`, {
    hint: `start it with metalkit rack FILE${name === undefined ? '' : ` --name ${name}`}`,
  })
}

/** Sends a request to a rack. @throws RackError with its reason */
export async function askRack(rack: RunningLab, question: LabQuestion): Promise<unknown> {
  try {
    return await askLab(rack, question)
  } catch (error) {
    throw asRackError(error)
  }
}
