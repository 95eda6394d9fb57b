// Console connections: made, waited for, used, and deleted on every way out. The API is a small one with state.
import { generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { describeError } from '../../src/errors.ts'
import type { Profile } from '../../src/oci/config-file.ts'
import { OciClient } from '../../src/oci/client.ts'
import { ConsoleOpener, gatewayOf } from '../../src/oci/console.ts'
import { Histories, sinceEarlier } from '../../src/oci/history.ts'
import { recordOf } from '../../src/oci/record.ts'
import { fingerprintOf } from '../../src/ssh/host-key.ts'
import { parseIdentity } from '../../src/ssh/key-file.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { type Arrived, type Reply, startStrictServer } from './strict-server.ts'

const id = 'ocid1.instance.oc1.iad.aaaainstance'
const compartment = 'ocid1.compartment.oc1..aaaacompartment'
const gateway = 'instance-console.us-ashburn-1.oci.oraclecloud.com'

let signer: {
  keyId: string
  publicKey: ReturnType<typeof generateKeyPairSync>['publicKey']
  privateKey: Profile['key']
}
let rsa = ''
beforeAll(() => {
  signer = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }), keyId: 'ST$token' }
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })
  rsa = parseIdentity(pem.toString(), 'it').publicKey
})

interface Connection {
  id: string
  instanceId: string
  lifecycleState: string
  freeformTags: Record<string, string>
  fingerprint?: string
  connectionString?: string
  serviceHostKeyFingerprint?: string
}

const stringOf = (connection: string, instance = id) =>
  `ssh -o ProxyCommand='ssh -W %h:%p -p 443 ${connection}@${gateway}' ${instance}`

/** An API with connections; `script` may answer a request itself. */
async function start(
  connections: Connection[] = [],
  script: (request: Arrived, all: readonly Arrived[]) => Reply | undefined = () => undefined,
  sleep: Clock['sleep'] = async (_ms, signal) => signal?.throwIfAborted(),
) {
  let states = ['CREATING', 'CREATING', 'ACTIVE']
  const server = await startStrictServer(signer, (request, all) => {
    const scripted = script(request, all)
    if (scripted !== undefined) return scripted
    const { method, path, body } = request
    const [, kind = '', name] = path.split('/')
    if (kind === 'instances' && name === undefined) return { json: [instanceOf()] }
    if (kind === 'instances') return { json: instanceOf() }
    const found = connections.find((one) => one.id === name)
    if (method === 'POST') {
      const input = { instanceId: id, freeformTags: {}, ...Object(body) }
      const made = {
        ...input,
        id: `ocid1.instanceconsoleconnection.oc1.iad.${connections.length}`,
        lifecycleState: 'CREATING',
      }
      delete made.publicKey
      connections.push(made)
      return { json: made }
    }
    if (method === 'GET' && name === undefined) return { json: connections }
    if (found === undefined || found.lifecycleState === 'DELETED') {
      return { status: 404, json: { code: 'NotAuthorizedOrNotFound', message: 'no' } }
    }
    if (method === 'DELETE') {
      found.lifecycleState = 'DELETED'
      return { status: 204 }
    }
    if (found.lifecycleState === 'CREATING') {
      found.lifecycleState = states.shift() ?? 'ACTIVE'
      Object.assign(found, { connectionString: stringOf(found.id), serviceHostKeyFingerprint: 'SHA256:abc' })
    }
    return { json: found }
  })
  const report = createRecorder()
  const clock = { ...systemClock, sleep }
  const profile: Profile = {
    name: 'x',
    tenancy: 't',
    region: 'us-ashburn-1',
    keyId: signer.keyId,
    key: signer.privateKey,
  }
  const client = new OciClient(profile, server.apiUrl, undefined, { env: {}, report, clock })
  return {
    opener: new ConsoleOpener({ client, clock, report }),
    client,
    clock,
    report,
    connections,
    all: server.all,
    faults: server.faults,
    fail: () => (states = ['FAILED']),
    open: () => connections.filter(({ lifecycleState }) => lifecycleState !== 'DELETED').map((one) => one.id),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const instanceOf = (lifecycleState = 'RUNNING') => ({
  id,
  availabilityDomain: 'AD-1',
  compartmentId: compartment,
  lifecycleState,
  region: 'iad',
  shape: 'BM.Standard.E4.128',
  timeCreated: '2026-11-28T20:00:00.000Z',
  freeformTags: { metalkit: 'mko-1' },
})
const machine = recordOf(instanceOf())
const request = (publicKeys: string[], signal = new AbortController().signal) => ({
  publicKeys,
  onWait: () => {},
  signal,
})
const refusalOf = async (doing: Promise<unknown>): Promise<string> =>
  await doing.then(
    () => 'no refusal',
    (error: unknown) => describeError(error),
  )

test('a connection is made for the RSA key, waited for, described as two hops, and deleted', async () => {
  await using api = await start()
  const place = await api.opener.open(machine, request(['ssh-ed25519 AAAA', rsa]))
  const [connection] = api.open()
  expect(place).toMatchObject({
    address: { host: id, port: 22 },
    username: id,
    isSha1Only: true,
    fingerprints: ['SHA256:abc'],
    via: { address: { host: gateway, port: 443 }, username: connection, fingerprints: ['SHA256:abc'] },
    publicKey: rsa,
  })
  expect(place.privateKey).toBeUndefined()
  const create = api.all.find(({ method }) => method === 'POST')
  expect(create?.body).toEqual({ instanceId: id, publicKey: `${rsa} metalkit`, freeformTags: { metalkit: 'mko-1' } })
  expect(create?.headers['opc-retry-token']).toMatch(/^[0-9a-f-]{36}$/)
  await place[Symbol.asyncDispose]()
  expect(api.open()).toEqual([])
  expect(api.faults).toEqual([])
})

test('without an RSA key one is made for the run, and shown to nobody but the API, by half', async () => {
  await using api = await start()
  const place = await api.opener.open(machine, request(['ssh-ed25519 AAAA']))
  expect(place.privateKey).toContain('BEGIN RSA PRIVATE KEY')
  expect(place.publicKey).toBe(parseIdentity(place.privateKey ?? '', 'it').publicKey)
  expect(JSON.stringify(api.all)).not.toContain('PRIVATE')
  expect(api.report.lines.join('\n')).not.toContain('PRIVATE')
  await place[Symbol.asyncDispose]()
})

describe('every way out deletes the connection', () => {
  test('a connection that fails', async () => {
    await using api = await start()
    api.fail()
    expect(await refusalOf(api.opener.open(machine, request([rsa])))).toMatch(
      /^console: the console connection \S+ is FAILED; /,
    )
    expect(api.open()).toEqual([])
  })

  test('an interrupt while it is created', async () => {
    const interrupt = new AbortController()
    await using api = await start([], undefined, async (_ms, signal) => {
      interrupt.abort(new Error('interrupted'))
      signal?.throwIfAborted()
    })
    await expect(api.opener.open(machine, request([rsa], interrupt.signal))).rejects.toThrow('interrupted')
    expect(api.all.some(({ method }) => method === 'POST')).toBe(true)
    expect(api.open()).toEqual([])
  })

  test('an interrupt before its answer, which never comes', async () => {
    const interrupt = new AbortController()
    const connections: Connection[] = []
    await using api = await start(connections, ({ method, path }) => {
      if (method !== 'POST' || path !== '/instanceConsoleConnections') return undefined
      connections.push({ id: 'made', instanceId: id, lifecycleState: 'CREATING', freeformTags: { metalkit: 'mko-1' } })
      interrupt.abort(new Error('interrupted'))
      return 'dropped'
    })
    await expect(api.opener.open(machine, request([rsa], interrupt.signal))).rejects.toThrow('interrupted')
    expect(connections).toMatchObject([{ lifecycleState: 'DELETED' }])
  })

  test('a deletion that is refused is said, with the command for it', async () => {
    await using api = await start([], ({ method }) =>
      method === 'DELETE' ? { status: 403, json: { code: 'NotAuthorized', message: 'no' } } : undefined,
    )
    const place = await api.opener.open(machine, request([rsa]))
    await place[Symbol.asyncDispose]()
    expect(api.report.lines.join('\n')).toMatch(
      /the console connection \S+ could not be deleted \(.*403.*\); metalkit deletes it with its machine, or: oci compute instance-console-connection delete --instance-console-connection-id \S+/,
    )
  })
})

test('an answer that is lost is asked for again with the same token', async () => {
  let posts = 0
  await using api = await start([], ({ method }) => (method === 'POST' && ++posts < 3 ? 'dropped' : undefined))
  const place = await api.opener.open(machine, request([rsa]))
  const tokens = api.all.filter(({ method }) => method === 'POST').map(({ headers }) => headers['opc-retry-token'])
  expect(tokens).toHaveLength(3)
  expect(new Set(tokens).size).toBe(1)
  await place[Symbol.asyncDispose]()
})

/** A connection that another run has made. */
const existing = (more: Partial<Connection> = {}): Connection => ({
  id: 'ocid1.instanceconsoleconnection.oc1.iad.old',
  instanceId: id,
  lifecycleState: 'ACTIVE',
  freeformTags: { metalkit: 'mko-0' },
  connectionString: stringOf('ocid1.instanceconsoleconnection.oc1.iad.old'),
  ...more,
})

describe('a connection that exists', () => {
  test('with our key is used, and stays if metalkit has not made it', async () => {
    const fingerprint = fingerprintOf(Buffer.from(rsa.split(' ')[1] ?? '', 'base64'))
    await using api = await start([existing({ fingerprint, freeformTags: {} })])
    const place = await api.opener.open(machine, request([rsa]))
    expect(place.via?.username).toBe(existing().id)
    await place[Symbol.asyncDispose]()
    expect(api.open()).toEqual([existing().id])
    expect(api.all.map(({ method }) => method)).toEqual(['GET'])
  })

  test('of a killed run is replaced', async () => {
    await using api = await start([existing({ fingerprint: 'SHA256:other' })])
    const place = await api.opener.open(machine, request([rsa]))
    expect(api.open()).toEqual([place.via?.username])
    expect(place.via?.username).not.toBe(existing().id)
    await place[Symbol.asyncDispose]()
    expect(api.open()).toEqual([])
  })

  test('of somebody else is not touched', async () => {
    await using api = await start([existing({ freeformTags: {}, fingerprint: 'SHA256:other' })])
    expect(await refusalOf(api.opener.open(machine, request([rsa])))).toMatch(
      /^console: the machine \S+ has a console connection for another key: \S+old; name that RSA key with --identity, or delete it: oci compute/,
    )
    expect(api.open()).toEqual([existing().id])
  })

  test('of a machine that no longer exists is deleted', async () => {
    const left = [
      existing({ id: 'dead', instanceId: 'ocid1.instance.dead' }),
      existing({ id: 'foreign', instanceId: 'ocid1.instance.dead', freeformTags: {} }),
    ]
    await using api = await start(left)
    await using _place = await api.opener.open(machine, request([rsa]))
    expect(api.open()).not.toContain('dead')
    expect(api.open()).toContain('foreign')
  })

  test('of a machine that no longer exists may stay if it cannot be deleted', async () => {
    const left = [existing({ id: 'dead', instanceId: 'ocid1.instance.dead' })]
    await using api = await start(left, ({ method, path }) =>
      method === 'DELETE' && path.endsWith('/dead')
        ? { status: 403, json: { code: 'NotAuthorized', message: 'no' } }
        : undefined,
    )
    await using place = await api.opener.open(machine, request([rsa]))
    expect(place.username).toBe(id)
    expect(api.open()).toContain('dead')
  })
})

test('a machine without a console yet is asked again while it comes up, and not once it ends', async () => {
  let posts = 0
  await using early = await start([], ({ method }) =>
    method === 'POST' && ++posts < 9
      ? { status: 409, json: { code: 'IncorrectState', message: 'not yet' } }
      : undefined,
  )
  const place = await early.opener.open(machine, request([rsa]))
  await place[Symbol.asyncDispose]()
  await using late = await start([], ({ method, path }) => {
    if (method === 'POST') return { status: 404, json: { code: 'NotAuthorizedOrNotFound', message: 'gone' } }
    return path.startsWith('/instances/') ? { json: instanceOf('TERMINATED') } : undefined
  })
  expect(await refusalOf(late.opener.open(machine, request([rsa])))).toMatch(/404 "NotAuthorizedOrNotFound: gone"/)
})

test('the limit of a tenancy is explained', async () => {
  await using api = await start([], ({ method }) =>
    method === 'POST' ? { status: 400, json: { code: 'LimitExceeded', message: 'ten' } } : undefined,
  )
  expect(await refusalOf(api.opener.open(machine, request([rsa])))).toContain(
    'a tenancy has ten console connections: list them with oci compute instance-console-connection list, and delete one',
  )
})

test.each([
  [
    'of 2026',
    `ssh -o ProxyCommand='ssh -W %h:%p -p 443 ocid1.instanceconsoleconnection.oc1.iad.c@${gateway}' ${id}`,
    gateway,
  ],
  [
    'of an older host',
    `ssh -o ProxyCommand='ssh -W %h:%p -p 443 ocid1.instanceconsoleconnection.oc1.iad.c@instance-console.eu-frankfurt-1.oraclecloud.com' ${id}`,
    'instance-console.eu-frankfurt-1.oraclecloud.com',
  ],
  ['of another connection', stringOf('ocid1.instanceconsoleconnection.oc1.iad.d'), undefined],
  ['that is none', 'telnet console', undefined],
])('the gateway in a connection string %s', (_name, connectionString, host) => {
  const found = gatewayOf({ id: 'ocid1.instanceconsoleconnection.oc1.iad.c', connectionString })
  expect(found).toEqual(host === undefined ? undefined : { host, port: 443 })
})

test('the history is captured, read in parts, and forgotten', async () => {
  const states = ['REQUESTED', 'GETTING-HISTORY', 'SUCCEEDED']
  const history = { id: 'h', instanceId: id, lifecycleState: 'REQUESTED' }
  const parts = ['first \u001b[1m{', 'and last\n']
  await using api = await start([], ({ method, path, query }) => {
    if (!path.startsWith('/instanceConsoleHistories')) return undefined
    if (method === 'DELETE') return { status: 204 }
    if (path.endsWith('/data')) {
      const at = Number(query['offset']) === 0 ? 0 : 1
      return {
        text: parts[at] ?? '',
        headers: { 'content-type': 'text/plain', 'opc-bytes-remaining': at === 0 ? '9' : '0' },
      }
    }
    return { json: method === 'POST' ? history : { ...history, lifecycleState: states.shift() } }
  })
  expect(await new Histories(api).read(machine, new AbortController().signal)).toBe('first \u001b[1m{and last\n')
  expect(api.all.map(({ method, path, query }) => [method, path, query])).toEqual([
    ['POST', '/instanceConsoleHistories', {}],
    ...[1, 2, 3].map(() => ['GET', '/instanceConsoleHistories/h', {}]),
    ['GET', '/instanceConsoleHistories/h/data', { offset: '0', length: '1048576' }],
    ['GET', '/instanceConsoleHistories/h/data', { offset: '1048576', length: '1048576' }],
    ['DELETE', '/instanceConsoleHistories/h', {}],
  ])
  expect(api.all[0]?.body).toEqual({ instanceId: id, freeformTags: { metalkit: 'mko-1' } })
})

test.each([
  ['nothing before', '', 'boot 2', 'boot 2'],
  ['nothing since', 'boot 1\n', 'boot 1\n', ''],
  ['another boot', 'boot\n# ', 'boot\n# boot\n# ', 'boot\n# '],
  ['the oldest output dropped', 'a\nboot\n# ', 'boot\n# boot\n', 'boot\n'],
  ['all earlier output dropped', 'other\n', 'boot\n# ', 'boot\n# '],
  ['an empty history', 'boot\n', '', ''],
])('what came since an earlier history: %s', (_what, earlier, history, since) => {
  expect(sinceEarlier(history, earlier)).toBe(since)
})
