// Tests with real programs: where one is missing, a test that needs it is skipped with its reason, except in CI, where it fails.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of a program, or undefined. sbin is looked at too: Debian keeps sshd and nginx there. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/**
 * Options for `describe` or `test`: `describe('…', needs('sshd'), () => …)`.
 * The reason is printed once where the test is skipped.
 */
export function needs(...programs: string[]): { skip: boolean } {
  const missing = programs.filter((program) => findProgram(program) === undefined)
  if (missing.length === 0 || process.env['CI'] === 'true') return { skip: false }
  process.stderr.write(`skipped: ${missing.join(', ')} not installed\n`)
  return { skip: true }
}
