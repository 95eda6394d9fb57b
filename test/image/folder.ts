// A folder for a test's files, deleted at the end of the test.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** The path of a new, empty folder. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-image-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
