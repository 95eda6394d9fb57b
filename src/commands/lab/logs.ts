// metalkit lab logs: prints the log of a lab in the background.
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { LabError } from '../../errors.ts'
import { errorCode } from '../../text/system-error.ts'
import type { Context } from '../../io.ts'
import { defaultName, findRunningLab, nameFlag } from '../../lab/storage/running-labs.ts'
import type { Options } from '../../options/flags.ts'
import { logPathOf, stateFolderOf } from '../../lab/storage/state-paths.ts'

/** Prints the log. */
export async function execute(
  _args: unknown,
  { labName }: Options<'labName'>,
  { env, stdout }: Context,
): Promise<void> {
  const stateFolder = stateFolderOf(env)
  // Without a name this is the running lab, as for the other commands, or if none runs the default one.
  const name = labName ?? (await findRunningLab(stateFolder))?.name ?? defaultName
  try {
    await pipeline(createReadStream(logPathOf(stateFolder, name)), stdout, { end: false })
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
    throw new LabError(`no lab named "${name}" has run in the background`, {
      hint: `start one with metalkit lab -d${nameFlag(name)}`,
      cause,
    })
  }
}
