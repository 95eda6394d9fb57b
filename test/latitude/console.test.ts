import { expect, test } from 'vitest'
import { ApiError, AuthenticationError, ConsoleError, describeError } from '../../src/errors.ts'
import { openTestCloud, page, refuse, type Reply, type Seen, serverOf, startStrictApi } from './strict-api.ts'

const keys = [
  { id: 'ssh_1', attributes: { public_key: 'ssh-rsa AAAA1 one@home\n' } },
  { id: 'ssh_2', attributes: { public_key: 'ssh-ed25519 AAAA2' } },
]

function connection(attributes: Record<string, unknown> = {}): Reply {
  const credentials = { user: 'donn', password: '398ig362ci' }
  const place = { username: 'server-7', port: '2222', access_ip: '189.1.2.0', ssh_key: { id: 'ssh_2' } }
  return { status: 201, json: { data: { id: 'obc_1', attributes: { ...place, credentials, ...attributes } } } }
}

async function openWith(script: (seen: Seen, tries: number) => Reply | 'dropped', publicKeys = ['ssh-ed25519 AAAA2']) {
  let tries = 0
  await using api = await startStrictApi((seen) => {
    if (seen.path === '/servers/sv_1') return { status: 200, json: { data: serverOf('sv_1') } }
    if (seen.path === '/ssh_keys') return page(keys, 2)
    if (seen.method === 'POST') tries++
    return script(seen, tries)
  })
  const { cloud, report } = await openTestCloud(api.apiUrl)
  const machine = await cloud.get('sv_1')
  const waits: string[] = []
  const stop = new AbortController()
  const opening = cloud.openConsole(machine, {
    publicKeys,
    onWait: (why) => void waits.push(why),
    signal: stop.signal,
  })
  const outcome = await opening.catch((error: unknown) => error)
  const bodies = api.all.filter(({ method }) => method === 'POST').map(({ body }) => body)
  expect(JSON.stringify([report.lines, waits, outcome])).not.toMatch(/398ig362ci|donn/)
  if (outcome instanceof Error) expect(describeError(outcome)).not.toMatch(/398ig362ci|donn/)
  return { outcome, waits, bodies, login: cloud.consoleLogin(machine), report }
}

test('the port is a string, and the place is known afterwards', async () => {
  const { outcome, login, bodies } = await openWith(() => connection())
  expect(outcome).toMatchObject({
    address: { host: '189.1.2.0', port: 2222 },
    username: 'server-7',
    publicKey: 'ssh-ed25519 AAAA2',
  })
  expect(login).toMatchObject({ address: { host: '189.1.2.0', port: 2222 }, username: 'server-7' })
  expect(bodies).toEqual([{ data: { type: 'out_of_band', attributes: { ssh_key_id: 'ssh_2' } } }])
})

test("the first of the user's keys that the project has is used, whatever its comment", async () => {
  const { bodies } = await openWith(() => connection(), ['ssh-ed25519 AAAA9', 'ssh-rsa AAAA1', 'ssh-ed25519 AAAA2'])
  expect(bodies).toEqual([{ data: { type: 'out_of_band', attributes: { ssh_key_id: 'ssh_1' } } }])
})

test('without a key that the project has, no console is asked for', async () => {
  const { outcome, bodies } = await openWith(() => connection(), ['ssh-ed25519 AAAA9'])
  expect(outcome).toBeInstanceOf(ConsoleError)
  expect(bodies).toEqual([])
})

test.each<[string, Reply | 'dropped']>([
  ['422 while it is provisioned', refuse(422, 'SERVER_BEING_PROVISIONED', 'Server is being provisioned')],
  ['404', refuse(404, 'not_found', 'Specified Record Not Found')],
  ['503', { status: 503 }],
  ['a lost answer', 'dropped'],
])('a console that is refused with %s is asked for again, and one line says so', async (_, reply) => {
  const { outcome, waits, bodies } = await openWith(({ method }, tries) =>
    method === 'GET' ? refuse(404, 'not_found', 'none') : tries < 4 ? reply : connection(),
  )
  expect(outcome).toMatchObject({ username: 'server-7' })
  expect(bodies).toHaveLength(4)
  expect(waits).toHaveLength(1)
})

test('a refused console that exists for our key is used', async () => {
  const refused = refuse(422, null, 'exists')
  const ours = await openWith(({ method }) => (method === 'GET' ? { ...connection(), status: 200 } : refused))
  expect(ours.outcome).toMatchObject({ username: 'server-7' })
  expect(ours.waits).toEqual([])
  const others = await openWith(({ method }, tries) =>
    method === 'GET'
      ? connection({ ssh_key: { id: 'ssh_1' } })
      : tries < 2
        ? refused
        : connection({ username: 'server-8' }),
  )
  expect(others.outcome).toMatchObject({ username: 'server-8' })
})

test.each<[string, Reply, new (...args: never[]) => Error]>([
  ['403', refuse(403, 'USER_AUTHORIZATION_ERROR', 'forbidden'), ApiError],
  ['401', refuse(401, null, 'no'), AuthenticationError],
  ['no usable address', connection({ access_ip: '-oProxyCommand=x' }), ConsoleError],
  ['no usable port', connection({ port: '0' }), ConsoleError],
  ['no usable user', connection({ username: 'a b' }), ConsoleError],
])('%s ends the attempt', async (_, reply, kind) => {
  const { outcome, bodies } = await openWith(() => reply)
  expect(outcome).toBeInstanceOf(kind)
  expect(bodies).toHaveLength(1)
})

test('a console is asked for in every phase but the last ones', async () => {
  const { cloud } = await openTestCloud('http://127.0.0.1:1')
  const machine = {
    id: 'sv_1',
    state: '',
    hostname: '',
    plan: '',
    place: '',
    createdAt: undefined,
    isLocked: false,
    isOurs: true,
    attempt: 1,
    percentage: undefined,
    projectId: undefined,
  }
  for (const phase of ['coming', 'on', 'off', 'switching', 'unknown'] as const)
    expect(cloud.hasConsole({ ...machine, phase })).toBe(true)
  for (const phase of ['going', 'failed'] as const) expect(cloud.hasConsole({ ...machine, phase })).toBe(false)
  expect(cloud.consoleHosts('DAL')).toBeUndefined()
  await expect(cloud.listEvents('sv_1', new AbortController().signal)).resolves.toEqual([])
})
