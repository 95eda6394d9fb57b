// The console with real peers: OpenSSH's ssh with the documented ProxyCommand line.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { oneAtATime } from '../../../src/lab/oci/console/gateway.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { makeKey, type TestKey } from '../../helpers/sshd.ts'
import { type OciAnswer, type OciLab, startOciLab } from './oci-lab.ts'

let folder: string
let rsa: TestKey
let ed25519: TestKey
let lab: OciLab
let instanceId: string
const children: ChildProcess[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metalkit-oci-console-'))
  rsa = makeKey(folder, 'rsa', 'rsa')
  ed25519 = makeKey(folder, 'ed25519', 'ed25519')
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  lab = await startOciLab()
  instanceId = (await lab.launch()).json.id
  await lab.until(instanceId, 'RUNNING')
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await lab[Symbol.asyncDispose]()
})

async function connect(key: TestKey = rsa): Promise<Record<string, string>> {
  const created = await lab.oci('POST', '/instanceConsoleConnections', { instanceId, publicKey: `${key.line} me@here` })
  expect([created.status, created.json.lifecycleState]).toEqual([200, 'CREATING'])
  return await waitForConnection(created.json.id, 'ACTIVE')
}

async function waitForConnection(id: string, state: string): Promise<Record<string, string>> {
  const { json } = await waitUntil(
    () => lab.oci('GET', `/instanceConsoleConnections/${id}`),
    (answer) => answer.json.lifecycleState === state,
  )
  return json
}

/** The options of both hops: the key, and no configuration of the user. */
const common = (key: TestKey) => ['-F', 'none', '-i', key.file, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes']
const sha1 = ['-o', 'HostKeyAlgorithms=+ssh-rsa', '-o', 'PubkeyAcceptedAlgorithms=+ssh-rsa']

/** Runs the connection string, with the options that its documentation adds; `shows` waits for what it prints. */
function ssh(
  connectionString: string,
  { key = rsa, options = sha1 }: { key?: TestKey; options?: readonly string[] } = {},
) {
  const [, proxy = '', host = ''] = /^ssh -o ProxyCommand='ssh (.*)' (\S+)$/.exec(connectionString) ?? []
  const first = ['ssh', ...common(key), '-o', `UserKnownHostsFile=${lab.knownHostsPath}`, proxy].join(' ')
  const child = spawn(
    'ssh',
    [
      '-tt',
      ...common(key),
      ...options,
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      `ProxyCommand=${first}`,
      host,
    ],
    { stdio: 'pipe', detached: true },
  )
  children.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()))
  const exit = once(child, 'exit').then(([code]) => Number(code))
  return {
    child,
    exit,
    get output() {
      return output
    },
    shows: async (text: string) =>
      await waitUntil(
        () => output,
        (shown) => shown.includes(text),
        30_000,
      ),
    /** Takes both processes away at once, as a lost network does: neither says goodbye. */
    lose() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    },
  }
}

/** Tries to log in at the gateway itself. @returns what ssh says */
async function login(user: string, key: TestKey): Promise<string> {
  const child = spawn(
    'ssh',
    [
      ...common(key),
      '-o',
      `UserKnownHostsFile=${lab.knownHostsPath}`,
      '-p',
      String(lab.sos.port),
      `${user}@127.0.0.1`,
      'id',
    ],
    { stdio: 'pipe' },
  )
  let errors = ''
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  await once(child, 'exit')
  return errors
}

/** The fingerprint of the first key in a file, by ssh-keygen. */
async function fingerprint(file: string): Promise<string | undefined> {
  const child = spawn('ssh-keygen', ['-l', '-f', file], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await once(child, 'close')
  return text.split(' ')[1]
}

async function create(publicKey: string): Promise<OciAnswer['json']> {
  return (await lab.oci('POST', '/instanceConsoleConnections', { instanceId, publicKey })).json
}

describe('with OpenSSH', needs('ssh', 'ssh-keygen'), () => {
  test('the documented command opens the console; a reset shows the machine boot', { timeout: 60_000 }, async () => {
    const { connectionString = '', id } = await connect()
    expect(connectionString).toBe(`ssh -o ProxyCommand='ssh -W %h:%p -p ${lab.sos.port} ${id}@127.0.0.1' ${instanceId}`)
    const session = ssh(connectionString)
    await session.shows('IMPORTANT: Use a console connection to troubleshoot a malfunctioning instance.')
    await lab.oci('POST', `/instances/${instanceId}?action=RESET`)
    await session.shows('hello from the script')
    session.child.stdin.write('\r~.')
    expect(await session.exit).toBe(255)
    // The goodbye was heard, so the next client gets in.
    const next = ssh(connectionString)
    await next.shows('IMPORTANT')
  })

  test('the second hop has only ssh-rsa', async () => {
    const { connectionString = '' } = await connect()
    const modern = ssh(connectionString, { options: [] })
    expect(await modern.exit).toBe(255)
    expect(modern.output).toContain('no matching host key type found. Their offer: ssh-rsa')
    const halfway = ssh(connectionString, { options: sha1.slice(0, 2) })
    expect(await halfway.exit).toBe(255)
    expect(halfway.output).toMatch(/Permission denied \(publickey\)/)
  })

  test('a second client is refused, until the first has said goodbye', { timeout: 60_000 }, async () => {
    const { connectionString = '' } = await connect()
    const first = ssh(connectionString)
    await first.shows('IMPORTANT')
    const second = ssh(connectionString)
    expect(await second.exit).toBe(255)
    expect(second.output).toContain(`administratively prohibited: ${oneAtATime}`)
    first.lose()
    await first.exit
    // A lost client locks the console for some time.
    const third = ssh(connectionString)
    expect(await third.exit).toBe(255)
    expect(third.output).toContain(oneAtATime)
    await waitUntil(
      async () => {
        const session = ssh(connectionString)
        const result = await Promise.race([session.shows('IMPORTANT'), session.exit])
        return typeof result
      },
      (kind) => kind === 'string',
    )
  })

  test.each([
    ['the gateway itself', (id: string) => `127.0.0.1:22 ${id}`],
    ['localhost', (id: string) => `localhost:22 ${id}`],
    ['another port of the instance', (id: string) => `${instanceId}:23 ${id}`],
    ['another instance', (id: string) => `${instanceId.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))}:22 ${id}`],
  ])('the gateway connects to nothing but port 22 of the instance, so not to %s', async (_what, words) => {
    const { id = '' } = await connect()
    const [target = '', user] = words(id).split(' ')
    const tunnel = spawn(
      'ssh',
      [
        ...common(rsa),
        '-o',
        `UserKnownHostsFile=${lab.knownHostsPath}`,
        '-W',
        target,
        '-p',
        String(lab.sos.port),
        `${user}@127.0.0.1`,
      ],
      { stdio: 'pipe' },
    )
    let errors = ''
    tunnel.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    await once(tunnel, 'exit')
    expect(errors).toMatch(/open failed: connect failed/)
  })

  test('the gateway gives no shell, and takes no other key and no unknown connection', async () => {
    const { id = '' } = await connect()
    expect(await login(id, rsa)).toMatch(/open failed/)
    expect(await login(id, ed25519)).toMatch(/Permission denied \(publickey\)/)
    expect(await login(instanceId, rsa)).toMatch(/Permission denied \(publickey\)/)
  })

  test(
    'deleting the connection ends its session, and so does the end of the instance',
    { timeout: 60_000 },
    async () => {
      const { connectionString = '', id = '' } = await connect()
      const session = ssh(connectionString)
      await session.shows('IMPORTANT')
      expect((await lab.oci('DELETE', `/instanceConsoleConnections/${id}`)).status).toBe(204)
      await session.exit
      await waitForConnection(id, 'DELETED')

      const second = await connect()
      const other = ssh(second['connectionString'] ?? '')
      await other.shows('IMPORTANT')
      await lab.oci('DELETE', `/instances/${instanceId}`)
      await other.exit
      await lab.until(instanceId, 'TERMINATED')
      await waitForConnection(second['id'] ?? '', 'DELETED')
    },
  )
})

test('fingerprints: of the user’s key, and of the gateway’s host key', needs('ssh-keygen'), async () => {
  const connection = await connect()
  expect(connection['fingerprint']).toBe(await fingerprint(rsa.file))
  expect(connection['serviceHostKeyFingerprint']).toBe(await fingerprint(lab.knownHostsPath))
})

test('only RSA keys, one connection an instance', async () => {
  expect(await create(ed25519.line)).toEqual({
    code: 'InvalidParameter',
    message: 'publicKey must be an SSH RSA public key',
  })
  expect((await create('ssh-rsa AAAA')).code).toBe('InvalidParameter')
  await connect()
  expect((await create(rsa.line)).code).toBe('Conflict')
})

test('ten connections a tenancy', { timeout: 60_000 }, async () => {
  const createFor = async (id: string) =>
    (await lab.oci('POST', '/instanceConsoleConnections', { instanceId: id, publicKey: rsa.line })).json
  for (let count = 0; count < 10; count++) {
    const { id } = (await lab.launch({ displayName: `mk-${count}` })).json
    expect((await createFor(id)).lifecycleState).toBe('CREATING')
  }
  expect((await createFor(instanceId)).code).toBe('LimitExceeded')
  const list = await lab.oci('GET', `/instanceConsoleConnections?compartmentId=${lab.compartmentId}`)
  expect(list.json).toHaveLength(10)
  await lab.oci('DELETE', `/instanceConsoleConnections/${list.json[0].id}`)
  await waitForConnection(list.json[0].id, 'DELETED')
  expect((await createFor(instanceId)).lifecycleState).toBe('CREATING')
})

test('a retry token gives the same connection again', async () => {
  const headers = { 'opc-retry-token': 'console-1' }
  const body = { instanceId, publicKey: rsa.line }
  const first = await lab.oci('POST', '/instanceConsoleConnections', body, { headers })
  const again = await lab.oci('POST', '/instanceConsoleConnections', body, { headers })
  expect([again.status, again.json.id]).toEqual([200, first.json.id])
})

test('the console history has what was printed before, in parts', async () => {
  const captured = await lab.oci('POST', '/instanceConsoleHistories', { instanceId })
  expect(captured.json.lifecycleState).toBe('REQUESTED')
  const path = `/instanceConsoleHistories/${captured.json.id}`
  await waitUntil(
    () => lab.oci('GET', path),
    ({ json }) => json.lifecycleState === 'SUCCEEDED',
  )
  const whole = await lab.oci('GET', `${path}/data?length=1048576`)
  expect(whole.headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(whole.text).toContain('iPXE boot of mk-1a2b3c4d')
  expect(whole.headers['opc-bytes-remaining']).toBe('0')
  const part = await lab.oci('GET', `${path}/data?offset=1&length=10`)
  expect([part.text, part.headers['opc-bytes-remaining']]).toEqual([
    whole.text.slice(1, 11),
    String(Buffer.byteLength(whole.text) - 11),
  ])
  expect((await lab.oci('DELETE', path)).status).toBe(204)
  expect((await lab.oci('GET', path)).status).toBe(404)
})
