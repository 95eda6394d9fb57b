// The package as npm would publish it: its content, and that it runs.
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { startFakeApi } from '../helpers/api-fake.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { makeKey, startSshd } from '../helpers/sshd.ts'

const project = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(project, file), 'utf8')

const parts = [
  'src',
  'docs',
  'examples',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'THIRD-PARTY.md',
  'rolldown.config.ts',
  'scripts/start.sh',
]

let folder: TestFolder
let files: string[]
let archive: string
beforeAll(() => {
  folder = makeFolder()
  // Packing runs the build: in a folder of its own it does not collide with other builds.
  for (const name of [...parts, 'package.json'])
    cpSync(join(project, name), join(folder.path, name), { recursive: true })
  symlinkSync(join(project, 'node_modules'), join(folder.path, 'node_modules'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent'], { cwd: folder.path, encoding: 'utf8' }),
  )
  files = packed.files.map(({ path }: { path: string }) => path)
  archive = packed.filename
  execFileSync('tar', ['-xzf', archive], { cwd: folder.path })
}, 60_000)
afterAll(() => folder[Symbol.dispose]())

describe('the package', () => {
  test('contains the program, its page and its documents, and no sources', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'dist/metalkit.cjs',
        'dist/metalkit.1',
        'LICENSE',
        'THIRD-PARTY.md',
        'README.md',
        'docs/exit-codes.md',
        'examples/equinixmetal.yml',
      ]),
    )
    expect(
      files.filter(
        (file) =>
          !/^(dist|docs|examples)\/|^(LICENSE|README\.md|CHANGELOG\.md|THIRD-PARTY\.md|package\.json)$/.test(file),
      ),
    ).toEqual([])
  })

  test('runs after unpacking', () => {
    const program = join(folder.path, 'package', manifest.bin.metalkit)
    expect(execFileSync(process.execPath, [program, '--version'], { encoding: 'utf8' })).toBe(`${manifest.version}\n`)
    const doctor = [program, 'lab', '--machines', 'simulated', '--', process.execPath, program, 'doctor', '--json']
    const lines = execFileSync(process.execPath, doctor, {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder.path },
    })
    expect(JSON.parse(lines.split('\n')[0] ?? '')).toMatchObject({ check: 'token', status: 'ok' })
  })

  // The link is what its first lines, which a shell reads, have for Node.
  test('runs by the link that npm install makes', () => {
    const install = ['install', '--global', '--offline', '--prefix', join(folder.path, 'prefix'), archive]
    execFileSync('npm', install, { cwd: folder.path, stdio: 'ignore' })
    const run = (...args: string[]) =>
      execFileSync(join(folder.path, 'prefix/bin/metalkit'), args, { encoding: 'utf8' })
    expect(run('--version')).toBe(`${manifest.version}\n`)
    expect(run('completion', 'bash')).toContain('metalkit')
  })

  // Each cipher has its own code: chacha20 is WebAssembly, which ssh2 loads when it first connects; data encrypted with AES-GCM is
  // read into the same memory repeatedly. A key exchange happens in the middle of the data.
  test.each(['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'])(
    'speaks %s with OpenSSH, without the native parts of ssh2, and transfers every byte correctly',
    { ...needs('sshd', 'ssh-keygen'), timeout: 60_000 },
    async (cipher) => {
      using own = makeFolder()
      const [hostKey, userKey] = [makeKey(own.path, 'host', 'ed25519'), makeKey(own.path, 'user', 'ed25519')]
      await using sshd = await startSshd(own, {
        hostKeys: [hostKey],
        authorized: [userKey],
        command: 'seq 500000; echo the console is here; exec cat',
        config: [`Ciphers ${cipher}`, 'RekeyLimit 1M'],
        log: join(own.path, 'log'),
      })
      const { username: id, port } = sshd
      await using api = await startFakeApi(({ path }) => ({
        status: 200,
        json: path.includes('/events') ? { events: [] } : { id, state: 'active' },
      }))
      const program = join(folder.path, 'package', manifest.bin.metalkit)
      const { stdout } = await promisify(execFile)(process.execPath, [program, 'console', '-wait-for', 'is here', id], {
        maxBuffer: 10_000_000,
        env: {
          ...process.env,
          HOME: own.path,
          METAL_API_URL: api.apiUrl,
          METAL_API_TOKEN: 'token',
          METAL_SOS: `127.0.0.1:${port}`,
          METAL_IDENTITY: userKey.file,
          METAL_KNOWN_HOSTS: own.write('known', `[127.0.0.1]:${port} ${hostKey.line}\n`),
        },
      })
      const sent = Array.from({ length: 500_000 }, (_, index) => `${index + 1}\n`)
      expect(stdout === `${sent.join('')}the console is here\n`).toBe(true)
      expect(readFileSync(join(own.path, 'log'), 'utf8').split('SSH2_MSG_NEWKEYS sent').length).toBeGreaterThan(3)
    },
  )

  test('lists its licences: THIRD-PARTY.md matches the lock file', () => {
    expect(execFileSync(process.execPath, ['scripts/third-party.mjs'], { cwd: project, encoding: 'utf8' })).toBe(
      read('THIRD-PARTY.md'),
    )
    expect(read('THIRD-PARTY.md')).not.toMatch(/undefined|GPL/)
  })

  test('needs only Node: its dependencies are bundled, and listed with their licences', () => {
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
