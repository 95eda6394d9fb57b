// Where a lab keeps its keys. Only its owner may look inside.
import { chmod, mkdir } from 'node:fs/promises'

import { LabError } from '../errors.ts'

/** Makes the folder, and makes it private. @throws LabError where that does not work */
export async function prepareStateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await chmod(folder, 0o700)
  } catch (error) {
    throw new LabError(`cannot use "${folder}" as state folder: ${error instanceof Error ? error.message : ''}`, {
      hint: 'set XDG_STATE_HOME to a folder of yours',
      cause: error,
    })
  }
}
