// The fault switches of the Oracle cloud.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { ociFaults } from '../../../src/lab/oci/faults.ts'
import { parseFaults } from '../../../src/lab/faults/faults.ts'
import { makeKey } from '../../helpers/sshd.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { type OciLab, startOciLab } from './oci-lab.ts'

let lab: OciLab
afterEach(async () => await lab[Symbol.asyncDispose]())

async function start(faults: string, more: Parameters<typeof startOciLab>[0] = {}): Promise<void> {
  lab = await startOciLab({ ...more, faults: parseFaults(faults, ociFaults) })
}

const token = { 'opc-retry-token': 'mk-1' }

describe('a create', () => {
  test('whose answer is lost is found again by its retry token', async () => {
    await start('create:drop-after x1')
    await expect(lab.launch({}, token)).rejects.toThrow('socket hang up')
    expect(lab.devices()).toHaveLength(1)
    const again = await lab.launch({}, token)
    expect([again.status, again.json.id]).toEqual([200, lab.devices()[0]?.id])
    expect(lab.devices()).toHaveLength(1)
  })

  test('that is carried out twice makes one instance with a token, and two without', async () => {
    await start('create:twice x2')
    await lab.launch({}, token)
    expect(lab.devices()).toHaveLength(1)
    await lab.launch()
    expect(lab.devices()).toHaveLength(3)
  })

  test('that failed may be carried out later', async () => {
    await start('create:500 act=100ms x1')
    expect((await lab.launch({}, token)).json.code).toBe('InternalError')
    await waitUntil(
      () => lab.devices().length,
      (count) => count === 1,
    )
    expect((await lab.launch({}, token)).json.id).toBe(lab.devices()[0]?.id)
  })

  test.each([
    ['500-capacity', 500, 'InternalError', 'Out of host capacity.'],
    ['400-limit', 400, 'LimitExceeded', expect.any(String)],
    ['400-quota', 400, 'QuotaExceeded', expect.any(String)],
    ['429', 429, 'TooManyRequests', expect.any(String)],
    ['409-token', 409, 'InvalidatedRetryToken', expect.any(String)],
  ])('%s', async (kind, status, code, message) => {
    await start(`create:${kind}`)
    const answer = await lab.launch()
    expect([answer.status, answer.json]).toEqual([status, { code, message }])
    expect(answer.headers['opc-request-id']).toBeDefined()
    expect(lab.devices()).toEqual([])
  })

  test('whose instance stays in PROVISIONING can be terminated', async () => {
    await start('create:stuck', { pace: { queuedMs: 1 } })
    const { id } = (await lab.launch()).json
    await waitUntil(
      () => lab.devices()[0]?.state,
      (state) => state === 'provisioning',
    )
    expect((await lab.oci('GET', `/instances/${id}`)).json.lifecycleState).toBe('PROVISIONING')
    expect((await lab.oci('DELETE', `/instances/${id}`)).status).toBe(204)
    await lab.until(id, 'TERMINATED')
  })

  test('whose instance is TERMINATED while it comes up says why in its work request', async () => {
    await start('create:fails', { pace: { failedMs: 100 } })
    const launched = await lab.launch()
    const { id } = launched.json
    await lab.until(id, 'TERMINATED')
    const work = `/workRequests/${String(launched.headers['opc-work-request-id'])}`
    expect((await lab.oci('GET', work)).json.status).toBe('FAILED')
    expect((await lab.oci('GET', `${work}/errors`)).json).toMatchObject([
      { code: 'InternalError', message: 'The installation failed', timestamp: expect.any(String) },
    ])
    expect(lab.devices()).toEqual([])
  })
})

test('a list lags, ignores its filters, or never ends', async () => {
  await start('list:lagging for=60000ms x1, list:filter-ignored x1 after=1, list:next-endless x1 after=2')
  await lab.launch()
  const path = `/instances?compartmentId=${lab.compartmentId}&displayName=other`
  expect((await lab.oci('GET', path.replace('other', 'mk-1a2b3c4d'))).json).toEqual([])
  expect((await lab.oci('GET', path)).json).toHaveLength(1)
  const endless = await lab.oci('GET', path)
  expect([endless.json, endless.headers['opc-next-page']]).toEqual([[], expect.any(String)])
  expect((await lab.oci('GET', path)).json).toEqual([])
})

test('a deletion lags', async () => {
  await start('delete:204 act=300ms x1')
  const { id } = (await lab.launch()).json
  await lab.until(id, 'RUNNING')
  expect((await lab.oci('DELETE', `/instances/${id}`)).status).toBe(204)
  expect((await lab.oci('GET', `/instances/${id}`)).json.lifecycleState).toBe('RUNNING')
  await lab.until(id, 'TERMINATED')
})

describe('a console connection', needs('ssh-keygen'), () => {
  test.each([
    ['console:fails', 'FAILED'],
    ['console:stuck', 'CREATING'],
  ])('with %s becomes %s, and can be deleted', async (fault, state) => {
    await start(fault)
    using folder = makeFolder()
    const { id: instanceId } = (await lab.launch()).json
    const body = { instanceId, publicKey: makeKey(folder.path, 'rsa', 'rsa').line }
    const { id } = (await lab.oci('POST', '/instanceConsoleConnections', body)).json
    const until = async (wanted: string) =>
      await waitUntil(
        () => lab.oci('GET', `/instanceConsoleConnections/${id}`),
        ({ json }) => json.lifecycleState === wanted,
      )
    await until(state)
    expect((await lab.oci('DELETE', `/instanceConsoleConnections/${id}`)).status).toBe(204)
    await until('DELETED')
  })

  test('meets the limit', async () => {
    await start('console:400-limit x1')
    const answer = await lab.oci('POST', '/instanceConsoleConnections', { instanceId: 'x', publicKey: 'y' })
    expect([answer.status, answer.json.code]).toEqual([400, 'LimitExceeded'])
  })
})

describe('the gateway', needs('ssh', 'ssh-keygen'), () => {
  test.each([
    ['tunnel:refused', /open failed: connect failed/],
    ['tunnel:busy', /administratively prohibited: console access is limited to one connection at a time/],
    ['sos:auth-refused', /Permission denied \(publickey\)/],
    ['sos:wrong-key', /REMOTE HOST IDENTIFICATION HAS CHANGED/],
    ['sos:drop-before', /(?:Connection reset|Connection closed)/],
  ])('with %s', async (fault, says) => {
    await start(fault)
    using folder = makeFolder()
    const { file, line } = makeKey(folder.path, 'rsa', 'rsa')
    const { id: instanceId } = (await lab.launch()).json
    const { id } = (await lab.oci('POST', '/instanceConsoleConnections', { instanceId, publicKey: line })).json
    await waitUntil(
      () => lab.oci('GET', `/instanceConsoleConnections/${id}`),
      ({ json }) => json.lifecycleState === 'ACTIVE',
    )
    const words = ['-F', 'none', '-i', file, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes']
    const hop = ['-o', `UserKnownHostsFile=${lab.knownHostsPath}`, '-p', String(lab.sos.port), `${id}@127.0.0.1`]
    // The lab is in this process, so ssh must not block it.
    const ssh = spawn('ssh', [...words, '-W', `${instanceId}:22`, ...hop], { stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    ssh.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    await once(ssh, 'close')
    expect(errors).toMatch(says)
  })
})

test('the kinds of a step are listed if one is unknown', () => {
  expect(() => parseFaults('tunnel:404', ociFaults)).toThrow('unknown kind for the step tunnel')
  expect(() => parseFaults('get:fails', ociFaults)).toThrow('unknown kind for the step get')
})
