// npm run executable: one file that runs without Node.
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { makeFolder, type TestFolder } from '../helpers/folder.ts'

const project = join(import.meta.dirname, '../..')

/** Whether it can be built here: with a Node that supports it, and a tool from the registry. */
function canBeMade(): boolean {
  if (process.env['CI'] === 'true') return true
  try {
    if (!readFileSync(process.execPath).includes('NODE_SEA_FUSE_')) throw new Error('this Node takes no program')
    execFileSync('npx', ['--yes', 'postject@1.0.0-alpha.6', '--help'], { stdio: 'ignore', timeout: 60_000 })
    return true
  } catch (error) {
    process.stderr.write(`skipped: no single executable can be made (${String(error)})\n`)
    return false
  }
}

describe.skipIf(!canBeMade())('the single executable', () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
    // In a folder of its own it does not collide with other builds.
    for (const name of ['src', 'scripts', 'package.json', 'rolldown.config.ts'])
      cpSync(join(project, name), join(folder.path, name), { recursive: true })
    symlinkSync(join(project, 'node_modules'), join(folder.path, 'node_modules'))
    execFileSync('npm', ['run', '--silent', 'executable'], { cwd: folder.path, timeout: 240_000 })
  }, 300_000)
  afterAll(() => folder[Symbol.dispose]())

  /** Runs it in an environment without any other program. */
  const run = (...args: string[]) =>
    execFileSync(join(folder.path, 'out/metalkit'), args, {
      cwd: folder.path,
      encoding: 'utf8',
      env: { HOME: folder.path, PATH: join(folder.path, 'nothing') },
      stdio: ['ignore', 'pipe', 'ignore'],
    })

  test('prints its version and its help', () => {
    expect(run('--version')).toBe(`${manifest.version}\n`)
    expect(run('run', 'equinixmetal', '--help')).toContain('metalkit run equinixmetal')
  })

  test('contains the page of a lab in the background, which runs the same file', async () => {
    run('lab', '-d', '--machines', 'simulated', '--port', '127.0.0.1:0', '--sos-port', '127.0.0.1:0')
    try {
      const page = new URL('/', run('lab', 'page').trim())
      expect(await (await fetch(page)).text()).toContain('<script')
      expect((await (await fetch(new URL('/page/app.js', page))).text()).length).toBeGreaterThan(100_000)
    } finally {
      run('lab', 'stop')
    }
  }, 60_000)
})
