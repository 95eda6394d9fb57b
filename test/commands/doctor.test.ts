import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { run } from '../../src/cli.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { recordLab } from '../../src/lab/storage/running-labs.ts'
import { startFakeApi } from '../helpers/api-fake.ts'
import { makeImage } from '../helpers/image.ts'
import { runToEnd, start } from '../helpers/io.ts'
import { startTestLab } from '../helpers/lab.ts'
import { labRecord } from '../helpers/running-lab.ts'
import { needs } from '../helpers/needs.ts'
import { findFreePort } from '../helpers/port.ts'
import { makeFolder } from '../helpers/folder.ts'
import { makeKey } from '../helpers/sshd.ts'
import { nowhere } from '../helpers/nowhere.ts'

interface Line {
  check: string
  status: string
  detail: string
  hint?: string
}

/** Runs doctor. @returns its exit code, and its results by check */
async function examine(argv: readonly string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await runToEnd(['doctor', '--json', ...argv], env)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line): Line => JSON.parse(line))
  const by = Object.fromEntries(lines.map((line) => [line.check, line]))
  return { code, by, stderr, statuses: Object.fromEntries(lines.map(({ check, status }) => [check, status])) }
}

describe('doctor in a lab', () => {
  test('recognises the ports of a running lab', async () => {
    using folder = makeFolder()
    await using _lab = await recordLab(join(folder.path, 'metalkit/lab'), labRecord('default'))
    const { by } = await examine([], { XDG_STATE_HOME: folder.path })
    expect(by['ports']).toMatchObject({ status: 'ok', detail: '7070 and 7022 are in use by a lab' })
  })

  test('passes every check, and leaves nothing behind', async () => {
    await using lab = await startTestLab()
    await using image = await makeImage()
    const port = await findFreePort()
    const url = `http://127.0.0.1:${port}`
    const { code, statuses, by, stderr } = await examine(
      ['-serve', `127.0.0.1:${port}`, '-base-url', url, image.prefix],
      labEnvironment(lab),
    )
    expect([code, stderr]).toEqual([0, ''])
    const { qemu: _qemu, ports: _ports, ...needed } = statuses
    expect(needed).toEqual({
      token: 'ok',
      project: 'ok',
      clock: 'ok',
      keys: 'ok',
      console: 'ok',
      image: 'ok',
      'base-url': 'ok',
    })
    expect(by['image']?.detail).toBe('demo for x86_64')
    expect((await lab.call('GET', `/projects/${lab.projectId}/devices`)).json.devices).toEqual([])
  })

  test.each<[string, Record<string, string>, number, Record<string, [status: string, detail: RegExp, hint?: RegExp]>]>([
    [
      'a wrong token',
      { METAL_API_TOKEN: 'wrong' },
      3,
      {
        token: ['fail', /token/],
        project: ['skip', /token does not work/],
        clock: ['skip', /token/],
        keys: ['ok', /not compared/],
      },
    ],
    ['no token', { METAL_API_TOKEN: '' }, 2, { token: ['fail', /^no api-key is given$/, /METAL_API_TOKEN/] }],
    [
      'an unknown project',
      { METAL_PROJECT_ID: '00000000-0000-4000-8000-000000000000' },
      4,
      { token: ['ok', /accepted/], project: ['fail', /project/] },
    ],
    [
      'an unknown console',
      { METAL_KNOWN_HOSTS: nowhere },
      7,
      { console: ['fail', /is not a known host/, /ssh-keyscan/] },
    ],
    [
      'no key',
      { METAL_IDENTITY: nowhere },
      7,
      { keys: ['fail', /does not exist/, /ssh-keygen/], console: ['skip', /no SSH key/] },
    ],
    [
      'a base URL without a server',
      { METAL_BASE_URL: 'http://127.0.0.1:9', METAL_NAME: 'x' },
      5,
      { 'base-url': ['fail', /cannot be fetched/, /push/] },
    ],
    [
      'a missing image',
      { METAL_SERVE: '127.0.0.1:0', METAL_NAME: `${nowhere}/x` },
      5,
      { image: ['fail', /x-kernel/, /linuxkit build/] },
    ],
  ])('finds %s', async (_what, env, code, findings) => {
    await using lab = await startTestLab()
    const found = await examine([], { ...labEnvironment(lab), ...env })
    expect(found.code).toBe(code)
    for (const [check, [status, detail, hint]] of Object.entries(findings)) {
      expect(found.by[check]).toMatchObject({ status, detail: expect.stringMatching(detail) })
      if (hint !== undefined) expect(found.by[check]?.hint).toMatch(hint)
    }
  })

  test('notices that the project does not have the key', needs('ssh-keygen'), async () => {
    using folder = makeFolder()
    await using lab = await startTestLab()
    const { file } = makeKey(folder.path, 'stranger', 'ed25519')
    const { code, by } = await examine([], { ...labEnvironment(lab), METAL_IDENTITY: file })
    expect([code, by['keys']?.status]).toEqual([7, 'fail'])
    expect(by['keys']?.detail).toContain('stranger')
  })

  test('notices that a port is taken', async () => {
    await using lab = await startTestLab()
    const taken = new URL(lab.apiUrl).host
    const { code, by } = await examine(['-serve', taken, '-base-url', `http://${taken}`], labEnvironment(lab))
    expect([code, by['base-url']?.status]).toEqual([5, 'fail'])
    expect(by['base-url']?.detail).toContain('is taken by another program')
  })

  test('accepts every flag of run, and checks their requirements', async () => {
    await using lab = await startTestLab()
    using folder = makeFolder()
    const watching = [
      '-wait-for',
      'up',
      '-on',
      'login:',
      '-send',
      'root\\r',
      '-timeout',
      '5m',
      '-log',
      join(folder.path, 'log'),
    ]
    const machine = [
      '-zone',
      'ams1',
      '-machine',
      'c3.large.arm64',
      '-hostname',
      'a',
      '-keep',
      '-ttl',
      '1h',
      '-always-pxe',
    ]
    const { code, by, stderr } = await examine(
      [...watching, ...machine, '-id-file', join(folder.path, 'missing', 'id')],
      labEnvironment(lab),
    )
    expect([code, stderr]).toEqual([2, ''])
    expect(by['id-file']).toMatchObject({ status: 'fail', detail: expect.stringContaining('cannot be written') })
    expect(by['qemu-arm']).toBeDefined()
    expect(existsSync(join(folder.path, 'log'))).toBe(false)
  })

  test('prints a table for people', async () => {
    await using lab = await startTestLab()
    const { stdout } = await runToEnd(['doctor'], { ...labEnvironment(lab), METAL_KNOWN_HOSTS: nowhere })
    expect(stdout).toMatch(/^ok {4}token {5}accepted by http/)
    expect(stdout).toMatch(/\nfail {2}console {3}.*\n {16}-> if its operator confirms/)
  })
})

describe.each([['doctor'], ['run', 'equinixmetal', '-base-url', 'http://127.0.0.1:1', 'x'], ['ls']])(
  '%s',
  (...argv) => {
    test('without a token it suggests a lab first, and names the one that is running', async () => {
      using folder = makeFolder()
      const env = { XDG_STATE_HOME: folder.path }
      const nothing = await runToEnd(argv, env)
      expect(nothing.code).toBe(2)
      expect(nothing.stdout + nothing.stderr).toMatch(
        /no api-key is given(;|\n *->) to try metalkit without an account, start .*: metalkit lab; otherwise set --api-key/,
      )
      await using _lab = await recordLab(join(folder.path, 'metalkit/lab'), labRecord('mine'))
      const running = await runToEnd(argv, env)
      expect(running.stdout + running.stderr).toContain(
        'a lab runs on this computer; to use it, run: eval "$(metalkit lab env --name mine)"; otherwise',
      )
    })
  },
)

test('without keys, while a lab runs that the shell does not know, it advises the lab instead of a new key', async () => {
  using folder = makeFolder()
  const env = { XDG_STATE_HOME: folder.path, HOME: folder.path }
  expect((await examine([], env)).by['keys']?.hint).toContain('ssh-keygen')
  await using _lab = await recordLab(join(folder.path, 'metalkit/lab'), labRecord('mine'))
  expect((await examine([], env)).by['keys']).toMatchObject({
    status: 'fail',
    hint: 'a lab runs on this computer; to use it, run: eval "$(metalkit lab env --name mine)"',
  })
})

test('a wrong clock is a warning', async () => {
  const date = new Date(Date.now() - 3_600_000).toUTCString()
  await using api = await startFakeApi(() => ({ status: 200, json: { metros: [] }, headers: { date } }))
  const { by } = await examine([], { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame' })
  expect(by['clock']).toMatchObject({ status: 'warn', detail: expect.stringMatching(/^3(599|60\d) s away/) })
  expect(JSON.stringify(by)).not.toContain('sesame')
})

test('fits the window in a terminal, and prints one line per check elsewhere', async () => {
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 60 })
  const { io } = start(['--version'])
  expect(await run(['doctor'], { ...io, stdout })).toBe(2)
  const lines = String(stdout.read()).split('\n')
  expect(lines.filter((line) => line.length > 60 && / \S+ /.test(line.slice(16)))).toEqual([])
  expect(lines.slice(0, 2)).toEqual([
    'fail  token     no api-key is given',
    '                -> to try metalkit without an account, start',
  ])
  const plain = await runToEnd(['doctor'])
  expect(plain.stdout).toMatch(
    /^ {16}-> to try metalkit .*; otherwise set --api-key or METAL_API_TOKEN or METAL_AUTH_TOKEN .*\)$/m,
  )
})
