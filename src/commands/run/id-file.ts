// --id-file: where scripts find the id of the machine, like docker's --cidfile.
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { checkReplaceable, ObstacleError, replaceFile } from '../../files/atomic-file.ts'
import { describeCondition, UsageError } from '../../errors.ts'

function refuse(path: string, error: unknown): never {
  const why = error instanceof ObstacleError ? `: it is ${error.what}` : `: ${describeCondition(error)}`
  throw new UsageError(`the id file "${path}" cannot be written${why}`, {
    hint: 'name a file in a folder that exists and is yours with --id-file',
    cause: error,
  })
}

/** Checks, before anything is rented, that the file can be written. */
export async function checkIdFile(path: string): Promise<void> {
  try {
    if (path.endsWith('/')) throw new ObstacleError(path, 'a folder')
    await access(dirname(path), constants.W_OK)
    await checkReplaceable(path)
  } catch (error) {
    refuse(path, error)
  }
}

/** Writes the id and a newline, whole or not at all. */
export async function writeIdFile(path: string, id: string): Promise<void> {
  await replaceFile(path, `${id}\n`).catch((error: unknown) => refuse(path, error))
}
