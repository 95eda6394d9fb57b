// The package as npm would publish it: what is in it, and that what is in it runs.
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { makeFolder, type TestFolder } from '../helpers/sshd.ts'

const project = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(project, file), 'utf8')

const parts = ['src', 'docs', 'README.md', 'LICENSE', 'CHANGELOG.md', 'THIRD-PARTY.md', 'rolldown.config.ts']

let folder: TestFolder
let files: string[]
beforeAll(() => {
  folder = makeFolder()
  // Packing builds: in a folder of its own it does not meet other builds.
  for (const name of [...parts, 'package.json'])
    cpSync(join(project, name), join(folder.path, name), { recursive: true })
  symlinkSync(join(project, 'node_modules'), join(folder.path, 'node_modules'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent'], { cwd: folder.path, encoding: 'utf8' }),
  )
  files = packed.files.map(({ path }: { path: string }) => path)
  execFileSync('tar', ['-xzf', packed.filename], { cwd: folder.path })
}, 60_000)
afterAll(() => folder[Symbol.dispose]())

describe('the package', () => {
  test('has the program, its page and its papers, and no sources', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/metalkit.cjs',
        'dist/metalkit.1',
        'LICENSE',
        'THIRD-PARTY.md',
        'README.md',
        'docs/exit-codes.md',
      ]),
    )
    expect(
      files.filter(
        (file) => !/^(dist|docs)\/|^(LICENSE|README\.md|CHANGELOG\.md|THIRD-PARTY\.md|package\.json)$/.test(file),
      ),
    ).toEqual([])
  })

  test('runs where it is unpacked', () => {
    const program = join(folder.path, 'package', manifest.bin.metalkit)
    expect(execFileSync(process.execPath, [program, '--version'], { encoding: 'utf8' })).toBe(`${manifest.version}\n`)
    const doctor = [program, 'lab', '--machines', 'simulated', '--', process.execPath, program, 'doctor', '--json']
    const lines = execFileSync(process.execPath, doctor, {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder.path },
    })
    expect(JSON.parse(lines.split('\n')[0] ?? '')).toMatchObject({ check: 'token', status: 'ok' })
  })

  test('names its licences: THIRD-PARTY.md is what the lock file makes of it', () => {
    expect(execFileSync(process.execPath, ['scripts/third-party.mjs'], { cwd: project, encoding: 'utf8' })).toBe(
      read('THIRD-PARTY.md'),
    )
    expect(read('THIRD-PARTY.md')).not.toMatch(/undefined|GPL/)
  })

  test('needs nothing but Node: what it uses is bundled, and named with its licence', () => {
    expect(manifest).not.toHaveProperty('dependencies')
    const bundled = new Set(['@xterm/addon-fit', '@xterm/xterm'])
    for (const file of files.filter((name) => name.endsWith('.cjs'))) {
      const text = readFileSync(join(folder.path, 'package', file), 'utf8')
      for (const [, name = ''] of text.matchAll(/\brequire\("([^"]*)"\)/g)) {
        expect([file, name, name.startsWith('./') || isBuiltin(name)]).toEqual([file, name, true])
      }
      for (const [, name = ''] of text.matchAll(/^\s*\/\/ \S*?node_modules\/((?:@[^/]+\/)?[^/]+)/gm)) bundled.add(name)
    }
    const named = [...read('THIRD-PARTY.md').matchAll(/^## (.+)$/gm)].map(([, name]) => name)
    expect(named).toEqual([...bundled].toSorted())
  })
})

test('CI tries the oldest Node that is supported, and the later ones', () => {
  const workflow = parse(read('.github/workflows/check.yml'))
  const versions: string[] = workflow.jobs.check.strategy.matrix.node
  expect(`>=${versions[0]}`).toBe(manifest.engines.node)
  expect(versions).toEqual(['20.19', '22', '24', '26'])
  expect(workflow.jobs.check.steps.at(-1).run).toBe('.ci/run')
  expect(read('.ci/run')).toContain('npm run --silent check')
})
