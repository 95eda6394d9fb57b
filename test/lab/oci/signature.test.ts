import { statSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callSigned, type OciLab, readProfile, send, startOciLab, type Tampering } from './oci-lab.ts'

let lab: OciLab
beforeAll(async () => {
  lab = await startOciLab()
})
afterAll(async () => await lab[Symbol.asyncDispose]())

const notAuthenticated = {
  code: 'NotAuthenticated',
  message: 'The required information to complete authentication was not provided or was incorrect.',
}
const minutes = (count: number) => new Date(Date.now() + count * 60_000).toUTCString()

test('the config file and its keys are readable by their owner only', () => {
  const { OCI_CLI_CONFIG_FILE: config = '' } = lab.environment
  for (const path of [
    config,
    lab.profile['key_file'] ?? '',
    readProfile(config, 'SESSION')['security_token_file'] ?? '',
  ]) {
    expect([path, statSync(path).mode & 0o777]).toEqual([path, 0o600])
  }
})

test.each<[string, string, Tampering]>([
  ['date', 'GET', {}],
  [
    'x-date, as the TypeScript SDK signs it',
    'GET',
    {
      before: (headers) => Object.assign(headers, { 'x-date': headers['date'] }),
      signed: ['x-date', '(request-target)', 'host'],
    },
  ],
  ['another order', 'GET', { signed: ['host', '(request-target)', 'date'] }],
  ['a date 4 minutes ago', 'GET', { before: (headers) => (headers['date'] = minutes(-4)) }],
  [
    'a header besides',
    'GET',
    { before: (headers) => (headers['accept'] = '*/*'), signed: ['date', '(request-target)', 'host', 'accept'] },
  ],
])('accepts %s', async (_what, method, tampering) => {
  const answer = await lab.oci(method, `/instances?compartmentId=${lab.compartmentId}`, undefined, tampering)
  expect([answer.status, answer.json]).toEqual([200, []])
})

test('accepts the form of Oracle’s TypeScript SDK: x-date, and names with capitals', async () => {
  const names = ['x-date', '(request-target)', 'host', 'content-type', 'content-length', 'x-content-sha256']
  const answer = await lab.oci(
    'POST',
    '/computeCapacityReports',
    {},
    {
      before: (headers) => Object.assign(headers, { 'x-date': headers['date'], date: '' }),
      signed: names,
      after(headers) {
        headers['authorization'] = (headers['authorization'] ?? '').replace(
          'content-type content-length',
          'Content-Type Content-Length',
        )
      },
    },
  )
  expect([answer.status, answer.json.code]).toEqual([400, 'MissingParameter'])
})

test('accepts a session token, which names the session’s own key', async () => {
  const profile = readProfile(lab.environment['OCI_CLI_CONFIG_FILE'] ?? '', 'SESSION')
  expect(profile).not.toHaveProperty('user')
  const { status } = await lab.oci('GET', `/shapes?compartmentId=${lab.compartmentId}`, undefined, { profile })
  expect(status).toBe(200)
  // The token does not fit the key of the user.
  const stolen = { ...profile, key_file: lab.profile['key_file'] ?? '' }
  const refused = await lab.oci('GET', `/shapes?compartmentId=${lab.compartmentId}`, undefined, { profile: stolen })
  expect(refused.status).toBe(401)
})

const authorization = (change: (text: string) => string): Tampering => ({
  after: (headers) => (headers['authorization'] = change(headers['authorization'] ?? '')),
})
const everything = ['date', '(request-target)', 'host', 'content-length', 'content-type', 'x-content-sha256']

describe('refuses a signature, with 401 and no reason', () => {
  test.each<[string, 'GET' | 'POST', Tampering]>([
    ['no Authorization', 'GET', { after: (headers) => delete headers['authorization'] }],
    ['another scheme', 'GET', authorization((text) => text.replace('Signature', 'Bearer'))],
    ['version 2', 'GET', authorization((text) => text.replace('version="1"', 'version="2"'))],
    ['no version', 'GET', authorization((text) => text.replace('version="1",', ''))],
    ['another algorithm', 'GET', authorization((text) => text.replace('rsa-sha256', 'rsa-sha1'))],
    ['another key', 'GET', authorization((text) => text.replace(/(ocid1\.user\.oc1\.\.)a?/, '$1b'))],
    ['another signature', 'GET', authorization((text) => text.replace(/signature="../, 'signature="AA'))],
    ['a parameter twice', 'GET', authorization((text) => `${text},version="1"`)],
    ['an unsigned date', 'GET', { signed: ['(request-target)', 'host'] }],
    ['an unsigned target', 'GET', { signed: ['date', 'host'] }],
    ['an unsigned host', 'GET', { signed: ['date', '(request-target)'] }],
    ['a header signed twice', 'GET', { signed: ['date', 'date', '(request-target)', 'host'] }],
    ['a signed header that is missing', 'GET', { signed: ['date', '(request-target)', 'host', 'x-none'] }],
    ['a date 6 minutes ago', 'GET', { before: (headers) => (headers['date'] = minutes(-6)) }],
    ['a date 6 minutes ahead', 'GET', { before: (headers) => (headers['date'] = minutes(6)) }],
    ['a date that is none', 'GET', { before: (headers) => (headers['date'] = 'today') }],
    ['a date changed afterwards', 'GET', { after: (headers) => (headers['date'] = minutes(1)) }],
    ['a host changed afterwards', 'GET', { after: (headers) => (headers['host'] = 'localhost') }],
    ...everything
      .slice(3)
      .map((name): [string, 'POST', Tampering] => [
        `an unsigned ${name}`,
        'POST',
        { signed: everything.filter((other) => other !== name) },
      ]),
    ['another body', 'POST', { bodyText: JSON.stringify({ a: 2 }) }],
    [
      'another digest',
      'POST',
      { before: (headers) => (headers['x-content-sha256'] = createHash('sha256').digest('base64')) },
    ],
  ])('%s', async (_what, method, tampering) => {
    const path = method === 'GET' ? `/instances?compartmentId=${lab.compartmentId}` : '/computeCapacityReports'
    const answer = await lab.oci(method, path, method === 'POST' ? { a: 1 } : undefined, tampering)
    expect([answer.status, answer.json]).toEqual([401, notAuthenticated])
    expect(answer.headers['opc-request-id']).toMatch(/^[0-9A-F]{32}$/)
  })

  test('of another path or query', async () => {
    const headers: Record<string, string> = {}
    const target = `/20160918/instances?compartmentId=${lab.compartmentId}`
    await callSigned(lab.origin, lab.profile, 'GET', target, undefined, { after: (all) => Object.assign(headers, all) })
    expect((await send(lab.origin, 'GET', target, headers, '')).status).toBe(200)
    expect((await send(lab.origin, 'GET', `${target}&limit=1`, headers, '')).status).toBe(401)
    expect((await send(lab.origin, 'DELETE', target, headers, '')).status).toBe(401)
  })
})

test('an instance action has no body, and signs that it is empty', async () => {
  const path = '/instances/ocid1.instance.oc1.sjc.a?action=START'
  const empty = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
  const sent: Record<string, string> = {}
  const answer = await lab.oci('POST', path, undefined, { after: (headers) => Object.assign(sent, headers) })
  expect(sent['x-content-sha256']).toBe(empty)
  expect([answer.status, answer.json.code]).toEqual([404, 'NotAuthorizedOrNotFound'])
})
