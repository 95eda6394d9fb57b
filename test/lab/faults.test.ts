import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { UsageError } from '../../src/errors.ts'
import { stepOf } from '../../src/lab/faults/fault-kinds.ts'
import { FaultPlan, parseFaults } from '../../src/lab/faults/faults.ts'
import { startTestLab, type TestLab } from '../helpers/lab.ts'
import { program } from '../helpers/program.ts'

describe('the language', () => {
  test('has defaults', () => {
    const fault = { kind: '500', after: 0, times: Infinity, retryAfterSeconds: undefined, lastsMs: undefined }
    expect(parseFaults(' get:500, ')).toEqual([{ text: 'get:500', step: 'get', ...fault }])
    expect(parseFaults('')).toEqual([])
  })

  test('accepts details in any order, and several faults', () => {
    const [first, second] = parseFaults('create:429 x3 retry-after=1 after=2,sos:silent for=20ms')
    expect(first).toMatchObject({ step: 'create', kind: '429', after: 2, times: 3, retryAfterSeconds: 1 })
    expect(second).toMatchObject({ step: 'sos', kind: 'silent', lastsMs: 20 })
  })

  test.each([
    ['boot:500', /has an unknown step$/, /the steps are create, list, get, events, update, action, delete, sos$/],
    ['get:418', /"get:418" has an unknown kind for the step get$/, /the kinds are 401, 403, .*truncated, twice$/],
    ['sos:500', /has an unknown kind for the step sos$/, /drop-before, silent, wrong-key, auth-refused, drop-session$/],
    ['get', /has an unknown kind/, /the kinds are/],
    ['get:500 often', /the fault "get:500 often" has the unknown option "often"/, /^write STEP:KIND \[xN\]/],
  ])('refuses %j and lists the valid values', (text, message, hint) => {
    let thrown: unknown
    try {
      parseFaults(text)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(UsageError)
    expect(thrown).toMatchObject({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) })
  })
})

test('a fault applies after some requests, to some requests; if two apply, the first is played', () => {
  const plan = new FaultPlan(parseFaults('get:500 x1 after=1, get:404 x2, list:401'))
  const played = () => plan.take('get')?.kind
  expect([played(), played(), played(), played()]).toEqual(['404', '500', '404', undefined])
  expect(plan.list()).toEqual([
    { fault: 'get:500 x1 after=1', played: 1 },
    { fault: 'get:404 x2', played: 2 },
    { fault: 'list:401', played: 0 },
  ])
})

test.each([
  ['POST', '/projects/p/devices', 'create'],
  ['GET', '/projects/p/devices', 'list'],
  ['GET', '/devices/d', 'get'],
  ['GET', '/devices/d/events', 'events'],
  ['PUT', '/devices/d', 'update'],
  ['PATCH', '/devices/d', 'update'],
  ['POST', '/devices/d/actions', 'action'],
  ['DELETE', '/devices/d', 'delete'],
  ['GET', '/projects/p/plans', undefined],
])('%s %s is the step %s', (method, path, step) => {
  expect(stepOf({ method, path })).toBe(step)
})

describe('in the lab', () => {
  let lab: TestLab
  beforeAll(async () => {
    lab = await startTestLab()
  })
  afterAll(() => lab[Symbol.asyncDispose]())
  beforeEach(() => lab.faults.set([]))

  const list = () => `/projects/${lab.projectId}/devices`
  const control = (method: string, body?: string, token = lab.token) =>
    fetch(`${new URL(lab.apiUrl).origin}/lab/faults`, {
      method,
      headers: { 'x-auth-token': token },
      ...(body === undefined ? {} : { body }),
    })

  test('faults are set, shown and cleared while it runs, with the token', async () => {
    expect((await control('PUT', 'list:500 x1', 'wrong')).status).toBe(401)
    expect((await control('PUT', 'list:418')).status).toBe(422)
    expect((await lab.call('GET', list())).status).toBe(200)
    expect((await control('PUT', 'list:500 x1')).status).toBe(200)
    expect((await lab.call('GET', list())).status).toBe(500)
    expect((await lab.call('GET', list())).status).toBe(200)
    expect(await (await control('GET')).json()).toEqual({ faults: [{ fault: 'list:500 x1', played: 1 }] })
    expect((await control('PUT', 'list:500')).status).toBe(200)
    expect((await control('DELETE')).status).toBe(204)
    expect((await lab.call('GET', list())).status).toBe(200)
  })

  test.each([
    ['401', 401, { error: 'Invalid authentication token' }],
    ['422-capacity', 422, { errors: ["There aren't available servers in that metro"] }],
    ['429 retry-after=7', 429, { error: 'Too many requests' }],
  ])('%s replaces the answer', async (kind, status, json) => {
    lab.faults.set(parseFaults(`list:${kind}`))
    const answer = await lab.call('GET', list())
    expect(answer).toMatchObject({ status, json })
    expect(answer.headers.get('retry-after')).toBe(kind.includes('retry-after') ? '7' : null)
  })

  const wish = {
    plan: 'c3.small.x86',
    metro: 'am',
    operating_system: 'custom_ipxe',
    ipxe_script_url: 'http://127.0.0.1:1/x',
  }
  const count = async () => (await lab.call('GET', list())).json.devices.length

  test('a create dropped before it runs creates nothing; dropped after, it creates a machine', async () => {
    const before = await count()
    lab.faults.set(parseFaults('create:drop-before'))
    await expect(lab.call('POST', list(), wish)).rejects.toThrow()
    expect(await count()).toBe(before)
    lab.faults.set(parseFaults('create:drop-after'))
    await expect(lab.call('POST', list(), wish)).rejects.toThrow()
    expect(await count()).toBe(before + 1)
  })

  test('a truncated answer is not valid JSON, and a cut one never ends', async () => {
    lab.faults.set(parseFaults('list:truncated'))
    await expect(lab.call('GET', list())).rejects.toThrow(/JSON/)
    lab.faults.set(parseFaults('list:cut-body'))
    await expect(lab.call('GET', list())).rejects.toThrow(/terminated/)
  })

  test.each(['slow-headers', 'slow-body'])('%s is slow, but arrives complete', async (kind) => {
    lab.faults.set(parseFaults(`list:${kind} for=120ms`))
    const started = performance.now()
    expect((await lab.call('GET', list())).json).toHaveProperty('devices')
    expect(performance.now() - started).toBeGreaterThan(110)
  })
})

describe('metalkit lab --fault', () => {
  const lab = (fault: string, ...command: string[]) =>
    spawnSync(process.execPath, [program, 'lab', '-machines', 'simulated', '-fault', fault, '--', ...command], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: folder },
    })
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-fault-flag-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('plays it', () => {
    const curl = 'curl -s -o /dev/null -w "%{http_code} " -H "X-Auth-Token: $METAL_API_TOKEN" $METAL_API_URL'
    const { stdout, stderr, status } = lab(
      'list:500 x1',
      'sh',
      '-c',
      `for i in 1 2; do ${curl}/projects/$METAL_PROJECT_ID/devices; done`,
    )
    expect(status, stderr).toBe(0)
    expect(stdout).toBe('500 200 ')
    expect(stderr).toBe('fault     list:500 x1\n')
  })

  test('refuses an unknown fault', () => {
    const { stderr, status } = lab('list:418', 'true')
    expect(status).toBe(2)
    expect(stderr).toMatch(
      /^metalkit: usage: the fault "list:418" has an unknown kind for the step list; the kinds are 401, .*\n$/,
    )
  })
})
