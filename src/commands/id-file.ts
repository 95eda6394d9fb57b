// --id-file: where scripts find the id of the machine, like docker's --cidfile.
import { access, constants, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode, UsageError } from '../errors.ts'

function refuse(path: string, error: unknown): never {
  throw new UsageError(`the id file "${path}" cannot be written (${errorCode(error) ?? 'unknown'})`, {
    hint: 'name a file in a folder that exists and is yours with --id-file',
    cause: error,
  })
}

/** Checks, before anything is rented, that the file can be written. */
export async function checkIdFile(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK).catch((error: unknown) => refuse(path, error))
}

/** Writes the id and a newline, whole or not at all. */
export async function writeIdFile(path: string, id: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`
  try {
    await writeFile(beside, `${id}\n`)
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    refuse(path, error)
  }
}
