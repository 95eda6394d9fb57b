// --id-file: a file in which scripts find the machine's id, like docker's --cidfile.
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { checkReplaceable, ObstacleError, replaceFile } from '../../files/atomic-file.ts'
import { describeCondition, UsageError } from '../../errors.ts'

function refuse(path: string, error: unknown): never {
  const why = error instanceof ObstacleError ? `: it is ${error.what}` : `: ${describeCondition(error)}`
  throw new UsageError(`the id file "${path}" cannot be written${why}`, {
    hint: 'give --id-file a file in an existing folder that you can write to',
    cause: error,
  })
}

/** Checks, before a machine is rented, that the file can be written. */
export async function checkIdFile(path: string): Promise<void> {
  try {
    if (path.endsWith('/')) throw new ObstacleError(path, 'a folder')
    await access(dirname(path), constants.W_OK)
    await checkReplaceable(path)
  } catch (error) {
    refuse(path, error)
  }
}

/** Writes the id and a newline, atomically. */
export async function writeIdFile(path: string, id: string): Promise<void> {
  await replaceFile(path, `${id}\n`).catch((error: unknown) => refuse(path, error))
}
