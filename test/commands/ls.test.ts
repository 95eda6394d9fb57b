import { expect, test } from 'vitest'
import { startFakeApi } from '../helpers/api-fake.ts'
import { runToEnd } from '../helpers/io.ts'

const id = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'
const other = '0c6f6c5e-2b0d-4f0c-9d53-0f8ad25a1a1f'

async function list(devices: readonly object[], ...flags: string[]) {
  await using api = await startFakeApi(() => ({ status: 200, json: { devices, meta: { next: null } } }))
  const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p-1' }
  const ending = await runToEnd(['ls', ...flags], env)
  expect(api.all.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /projects/p-1/devices?tag=metalkit&page=1&per_page=100',
  ])
  return ending
}

const devices = [
  {
    id,
    hostname: 'web1',
    state: 'active',
    tags: ['metalkit'],
    plan: { slug: 'c3.small.x86' },
    metro: { code: 'ny' },
    facility: { code: 'ny5' },
    created_at: new Date(Date.now() - 2 * 86_400_000 - 3.5 * 3_600_000).toISOString(),
  },
  { id: other, state: 'queued', tags: ['x', 'metalkit'] },
  { id: 'somebody-elses', state: 'active', tags: [] },
]

test('prints a table of the machines that metalkit created, with the command for each console', async () => {
  const { code, stdout, stderr } = await list(devices, '-sos', '192.0.2.7:2222')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.split('\n')).toEqual([
    'ID                                    HOSTNAME  STATE   AGE   PLAN          METRO  CONSOLE',
    `${id}  web1      active  2d3h  c3.small.x86  ny     ssh -p 2222 ${id}@192.0.2.7`,
    `${other}            queued                             ssh -p 2222 ${other}@192.0.2.7`,
    '',
  ])
})

test('with -q it prints the ids only, and nothing if there are none', async () => {
  expect(await list(devices, '-q')).toMatchObject({ code: 0, stdout: `${id}\n${other}\n`, stderr: '' })
  expect(await list([], '-q')).toMatchObject({ code: 0, stdout: '', stderr: '' })
})

test('the ssh line names the given key and known_hosts file', async () => {
  const { stdout } = await list(
    devices,
    '-sos',
    '127.0.0.1:7022',
    '-identity',
    '/a key',
    '-known-hosts',
    '/known',
    '--json',
  )
  expect(stdout).toContain(`ssh -p 7022 -i '/a key' -o UserKnownHostsFile=/known ${id}@127.0.0.1`)
})

test('with --json it prints a line for each machine, with its creation time', async () => {
  const { stdout } = await list(devices, '-sos', '192.0.2.7', '--json')
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    {
      id,
      cloud: 'equinixmetal',
      hostname: 'web1',
      plan: 'c3.small.x86',
      metro: 'ny',
      state: 'active',
      created_at: devices[0]?.created_at,
      age: '2d3h',
      console: `ssh ${id}@192.0.2.7`,
    },
    {
      id: other,
      cloud: 'equinixmetal',
      hostname: '',
      plan: '',
      metro: '',
      state: 'queued',
      created_at: '',
      age: '',
      console: `ssh ${other}@192.0.2.7`,
    },
  ])
})

test('without machines it prints a message for people, and nothing for scripts', async () => {
  expect(await list([])).toEqual({ code: 0, stdout: '', stderr: 'No machines.\n' })
  expect(await list([], '--json')).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('ages, and the choice of rm --older-than, use the clock of the API', async () => {
  const apiMs = Date.now() - 10 * 3_600_000
  const created = new Date(apiMs - 5.5 * 60_000).toISOString()
  const json = { devices: [{ id, state: 'active', tags: ['metalkit'], created_at: created }], meta: { next: null } }
  await using api = await startFakeApi(() => ({ status: 200, json, headers: { date: new Date(apiMs).toUTCString() } }))
  const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p-1' }
  expect(JSON.parse((await runToEnd(['ls', '--json'], env)).stdout)).toMatchObject({ age: '5m' })
  expect(await runToEnd(['rm', '--older-than', '1h', '--yes'], env)).toMatchObject({
    code: 0,
    stderr: 'No machine is that old.\n',
  })
})

test('if the date cannot be read, ages use the clock of this computer', async () => {
  const created = new Date(Date.now() - 5.5 * 60_000).toISOString()
  const json = { devices: [{ id, state: 'active', tags: ['metalkit'], created_at: created }], meta: { next: null } }
  await using api = await startFakeApi(() => ({ status: 200, json, headers: { date: 'yesterday' } }))
  const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p-1' }
  expect(JSON.parse((await runToEnd(['ls', '--json'], env)).stdout)).toMatchObject({ age: '5m' })
})

test.each([
  [['rm'], 'rm needs machine ids or --older-than; metalkit ls lists the machines'],
  [['rm', id, '--older-than', '1h'], 'rm takes machine ids or --older-than, not both; metalkit ls lists the machines'],
])('%j is a usage error', async (argv, message) => {
  const { code, stderr } = await runToEnd(argv)
  expect([code, stderr]).toEqual([2, `metalkit: usage: ${message}\n`])
})
