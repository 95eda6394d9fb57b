// Before any test: builds the program as users run it, in a folder of this test run, so that parallel runs do not collide.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Builds under node_modules, so that the program finds its packages, and tells the tests where. @returns the teardown */
export default function setup(): () => void {
  const cache = join(import.meta.dirname, '../../node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const coverage = process.env['METALKIT_TEST_COVERAGE']
  const folder = coverage === undefined ? mkdtempSync(join(cache, 'metalkit-test-')) : join(coverage, 'program')
  // With coverage, the files are needed after the tests.
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
  const program = join(folder, 'metalkit.cjs')
  // As npm installs it.
  chmodSync(program, 0o755)
  process.env['METALKIT_TEST_PROGRAM'] = program
  // Compiled code of this build is of no use to the user.
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache')
  return remove
}
