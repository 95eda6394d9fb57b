// Before any test: the program as users run it, in a folder of this run alone, so that runs side by side do not meet.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Builds, and tells the tests where; below node_modules, so that the program finds its packages. @returns what removes it */
export default function setup(): () => void {
  const cache = join(import.meta.dirname, '../../node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const coverage = process.env['METALKIT_TEST_COVERAGE']
  const folder = coverage === undefined ? mkdtempSync(join(cache, 'metalkit-test-')) : join(coverage, 'program')
  // Where lines are counted, they are looked up after the tests.
  const remove = () => (coverage === undefined ? rmSync(folder, { recursive: true, force: true }) : undefined)
  try {
    const maps = coverage === undefined ? [] : ['--sourcemap']
    execFileSync('npx', ['rolldown', '-c', '--log-level', 'silent', '-d', folder, ...maps], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } catch (error) {
    remove()
    throw error
  }
  process.env['METALKIT_TEST_PROGRAM'] = join(folder, 'metalkit.cjs')
  return remove
}
