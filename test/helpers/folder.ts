// Temporary folders for tests.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A temporary folder; disposing it deletes the folder. */
export interface TestFolder extends Disposable {
  path: string
  /** Writes a file into it. @returns its path */
  write(name: string, text: string): string
}

/** Creates an empty folder. */
export function makeFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), 'metalkit-test-'))
  return {
    path,
    write(name, text) {
      writeFileSync(join(path, name), text, { mode: 0o600 })
      return join(path, name)
    },
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Creates an empty folder that is deleted at the end of the test. @returns its path */
export function makeTestFolder(): string {
  const folder = makeFolder()
  onTestFinished(() => folder[Symbol.dispose]())
  return folder.path
}
