// Creates folders with their parents.
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from '../text/system-error.ts'

/**
 * Creates a folder and its parents unless they exist. Node's own `recursive` option never returns if the
 * file system accepts no folders, as under /proc.
 * @param mode permissions of each new folder
 * @throws the error of the file system; no error if something else has the name: using the folder will report it
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await makeOne(path, mode)
  } catch (error) {
    const above = dirname(path)
    if (errorCode(error) !== 'ENOENT' || above === path) throw error
    await makeFolder(above, mode)
    await makeOne(path, mode)
  }
}

async function makeOne(path: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}
