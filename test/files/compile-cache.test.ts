// The compiled code that a command keeps for its next start: used only if it is this program's, complete, and this user's.
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, test } from 'vitest'
import { makeTestFolder } from '../helpers/folder.ts'
import { program } from '../helpers/program.ts'

let folder: string
beforeEach(() => {
  folder = makeTestFolder()
})

/** Runs a command that loads its body. */
async function runManual(path = program, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: folder, ...more }
  const { stdout } = await promisify(execFile)(process.execPath, [path, 'man'], { env })
  return stdout
}

const cache = () => join(folder, '.cache/metalkit')
const keptFile = async () => join(cache(), (await readdir(cache()))[0] ?? '')
/** Changes when the file is written again. */
const versionOf = async (path: string) => (await stat(path)).ino

test('the second start uses the code of the first, and finds nothing to add', async () => {
  const manual = await runManual()
  const kept = await keptFile()
  const version = await versionOf(kept)
  expect((await stat(kept)).mode & 0o777).toBe(0o600)
  expect((await stat(cache())).mode & 0o777).toBe(0o700)
  expect(await runManual()).toBe(manual)
  expect(await versionOf(kept)).toBe(version)
  expect(await readdir(cache())).toHaveLength(1)
})

test.each([
  [
    'with another byte',
    async (kept: string) => {
      const bytes = await readFile(kept)
      bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1
      await writeFile(kept, bytes)
    },
  ],
  ['that was cut off', async (kept: string) => await writeFile(kept, (await readFile(kept)).subarray(0, 5000))],
  ['that is empty', async (kept: string) => await writeFile(kept, '')],
  ['that others can write', async (kept: string) => await chmod(kept, 0o666)],
  [
    'that is a link',
    async (kept: string) => {
      await cp(kept, join(folder, 'target'))
      await rm(kept)
      await symlink(join(folder, 'target'), kept)
    },
  ],
])('a file %s is not used, but replaced', async (_, damage) => {
  const manual = await runManual()
  const kept = await keptFile()
  await damage(kept)
  const version = await versionOf(kept)
  expect(await runManual()).toBe(manual)
  expect(await versionOf(kept)).not.toBe(version)
  expect((await stat(kept)).mode & 0o777).toBe(0o600)
})

test('a new version of the program does not use the code of the old one, even if it is as long', async () => {
  const copy = join(folder, 'copy')
  await cp(dirname(program), copy, { recursive: true })
  const path = join(copy, 'metalkit.cjs')
  const manual = await runManual(path)
  expect(manual).toContain('.SH EXIT STATUS')
  const chunk = join(copy, 'man.cjs')
  const source = await readFile(chunk, 'utf8')
  await writeFile(chunk, source.replaceAll('EXIT STATUS', 'END NUMBERS'))
  expect(await runManual(path)).toBe(manual.replaceAll('EXIT STATUS', 'END NUMBERS'))
})

test('a folder that others can write to, and one that cannot be created, are left alone', async () => {
  await mkdir(cache(), { recursive: true })
  await chmod(cache(), 0o777)
  const manual = await runManual()
  expect(await readdir(cache())).toEqual([])
  expect(await runManual(program, { XDG_CACHE_HOME: '/proc/1' })).toBe(manual)
  expect(await runManual(program, { HOME: 'relative' })).toBe(manual)
})

test.each([
  ['NODE_DISABLE_COMPILE_CACHE turns it off', { NODE_DISABLE_COMPILE_CACHE: '1' }],
  ['coverage needs code that Node compiles', { NODE_V8_COVERAGE: '/dev/null/none' }],
])('%s', async (_, env) => {
  await runManual(program, env)
  expect(await readdir(folder)).toEqual([])
})
