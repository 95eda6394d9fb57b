import { createHash } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'

import { startTestLab, type TestLab, waitForState } from '../../helpers/lab.ts'
import * as schemas from './device-schema.ts'

let lab: TestLab
beforeAll(async () => {
  // Slow, so that a busy computer can observe each state.
  lab = await startTestLab({ pace: { queuedMs: 1000, stepMs: 2000 } })
})
afterAll(() => lab[Symbol.asyncDispose]())

const devicesPath = () => `/projects/${lab.projectId}/devices`
const good = {
  plan: 'baremetal_0',
  metro: 'am',
  operating_system: 'custom_ipxe',
  ipxe_script_url: 'http://127.0.0.1:1/x.ipxe',
}
/** A field of SSH's wire format: the length, then the bytes. */
function field(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
}
/** A public key line, determined by the seed. */
function ed25519(seed: string): string {
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(createHash('sha256').update(seed).digest())])
  return `ssh-ed25519 ${blob.toString('base64')} ${seed}`
}
function keysOf(device: { ssh_keys: { href: string }[] }): string[] {
  return device.ssh_keys.map(({ href }) => href)
}
function idsOf(answer: { json: { ssh_keys: { id: string }[] } }): string[] {
  return answer.json.ssh_keys.map(({ id }) => id)
}
const create = async (body: object = {}) => {
  const { status, json } = await lab.call('POST', devicesPath(), { ...good, ...body })
  expect(status, JSON.stringify(json)).toBe(201)
  return json
}

describe('authentication', () => {
  test.each<[name: string, headers: Record<string, string>]>([
    ['nobody', {}],
    ['a wrong token', { 'x-auth-token': 'wrong' }],
    ['an empty token', { 'x-auth-token': '' }],
    ['a Bearer token', { authorization: 'Bearer TOKEN' }],
    ['a consumer token', { 'x-consumer-token': 'TOKEN' }],
  ])('%s is refused', async (_, headers) => {
    const sent = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.replace('TOKEN', lab.token)]))
    for (const path of ['/user', '/nowhere']) {
      const response = await fetch(`${lab.apiUrl}${path}`, { headers: sent })
      expect(response.status).toBe(401)
      expect(await response.json()).toEqual({ error: 'Invalid authentication token' })
    }
  })

  test('the token appears in no log line', async () => {
    await lab.call('GET', '/user')
    expect(lab.lines.some((line) => /GET \/metal\/v1\/user 200 /.test(line))).toBe(true)
    expect(lab.lines.join('\n')).not.toContain(lab.token)
  })
})

describe('answers', () => {
  test('carry type, length and request id', async () => {
    const { headers } = await lab.call('GET', '/user')
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(Number(headers.get('content-length'))).toBeGreaterThan(100)
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test.each<[path: string, schema: z.ZodType]>([
    ['/user', schemas.user],
    ['/projects', z.strictObject({ projects: z.array(schemas.project).length(1), meta: schemas.meta })],
    ['/projects/PROJECT', schemas.project],
    ['/plans', z.strictObject({ plans: z.array(schemas.plan).min(15) })],
    ['/projects/PROJECT/plans', z.strictObject({ plans: z.array(schemas.plan).min(15) })],
    ['/metros', z.strictObject({ metros: z.array(schemas.metro).length(24) })],
    ['/locations/metros', z.strictObject({ metros: z.array(schemas.metro).length(24) })],
    ['/facilities', z.strictObject({ facilities: z.array(schemas.facility).min(24) })],
    ['/operating-systems', z.strictObject({ operating_systems: z.array(schemas.operatingSystem).min(3) })],
    ['/ssh-keys', z.strictObject({ ssh_keys: z.array(schemas.sshKey).min(1) })],
    ['/projects/PROJECT/ssh-keys', z.strictObject({ ssh_keys: z.array(schemas.sshKey) })],
    ['/projects/PROJECT/devices', schemas.deviceList],
  ])('%s matches its schema', async (path, schema) => {
    const { status, json } = await lab.call('GET', path.replace('PROJECT', lab.projectId))
    expect(status).toBe(200)
    expect(schema.parse(json)).toEqual(json)
  })

  test.each<[status: number, method: string, path: string, body?: string | undefined, answer?: object | undefined]>([
    [404, 'GET', '/nowhere', undefined, { error: 'Not found' }],
    [404, 'GET', '/projects/other', undefined, { error: 'Not found' }],
    [404, 'GET', '/projects/other/devices'],
    [404, 'POST', '/projects/other/devices', '{}'],
    [404, 'GET', '/projects/other/plans'],
    [404, 'GET', '/projects/other/ssh-keys'],
    [404, 'GET', '/devices/nothing', undefined, { error: 'Not found' }],
    [404, 'DELETE', '/devices/nothing'],
    [404, 'PUT', '/devices/nothing', '{}'],
    [404, 'POST', '/devices/nothing/actions', '{}'],
    [404, 'GET', '/devices/nothing/events'],
    [404, 'DELETE', '/ssh-keys/nothing'],
    [405, 'DELETE', '/user', undefined, { error: 'Method not allowed' }],
    [405, 'PUT', '/projects/PROJECT/devices', '{}'],
    [400, 'POST', '/projects/PROJECT/devices', '{"plan":', { error: 'Bad request' }],
    [400, 'POST', '/ssh-keys', 'key=value'],
    [413, 'POST', '/projects/PROJECT/devices', `{"x":"${'x'.repeat(1024 * 1024)}"}`],
    [400, 'GET', '/devices/%ff'],
    [422, 'POST', '/projects/PROJECT/devices', '[]', { errors: ['The body is not an object'] }],
  ])('%i for %s %s', async (status, method, path, body, answer) => {
    const result = await lab.call(method, path.replace('PROJECT', lab.projectId), body)
    expect(result.status).toBe(status)
    if (answer !== undefined) expect(result.json).toEqual(answer)
    expect(result.headers.get('content-type')).toContain('application/json')
  })

  test('a 405 says what is allowed', async () => {
    const { headers } = await lab.call('POST', '/devices/x')
    expect(headers.get('allow')).toBe('GET, PUT, PATCH, DELETE')
  })

  test('HEAD has the length and no body', async () => {
    const { status, json, headers } = await lab.call('HEAD', '/user')
    expect([status, json]).toEqual([200, {}])
    expect(Number(headers.get('content-length'))).toBeGreaterThan(100)
  })
})

describe('a create is refused', () => {
  const exclusive = 'only ipxe_script_url or userdata may be used for custom ipxe.'
  const facility =
    "The 'facility' parameter is not supported for organization ORG. For more details, see https://feedback.equinixmetal.com/changelog/bye-facilities-hello-again-metros"
  test.each<[name: string, body: object, errors: string[]]>([
    ['with a facility', { facility: ['am6'] }, [facility]],
    ['with an empty facility', { facility: '' }, [facility]],
    ['with a facility, reported before other mistakes', { facility: '', plan: 'x', metro: undefined }, [facility]],
    ['with an unknown plan', { plan: 'Type0' }, ['Type0 is not a valid plan']],
    ['with an unknown metro', { metro: 'zz' }, ['zz is not a valid metro']],
    ['with both', { plan: 'Type0', metro: 'zz' }, ['Type0 is not a valid plan', 'zz is not a valid metro']],
    ['without a plan', { plan: undefined }, ["Plan can't be blank"]],
    ['without a metro', { metro: '' }, ["Metro can't be blank"]],
    ['with an unknown system', { operating_system: 'dos' }, ['dos is not a valid operating system']],
    ['without a script', { ipxe_script_url: undefined }, [exclusive]],
    ['with two scripts', { userdata: '#!ipxe\nexit' }, [exclusive]],
    ['with an empty URL', { ipxe_script_url: '' }, [exclusive]],
    ['with an empty URL and a script', { ipxe_script_url: '', userdata: '#!ipxe' }, [exclusive]],
    ['with userdata that is not a script', { ipxe_script_url: undefined, userdata: '#!/bin/sh' }, [exclusive]],
    ['with an invalid URL', { ipxe_script_url: 'nonsense' }, ['nonsense is not a valid ipxe_script_url']],
    [
      'with a line break in the URL',
      { ipxe_script_url: 'http://a/\nshell' },
      ['http://a/\nshell is not a valid ipxe_script_url'],
    ],
    ['with an underscore', { hostname: 'a_b' }, ['Hostname is invalid']],
    ['with a name that is too long', { hostname: 'a'.repeat(254) }, ['Hostname is invalid']],
    ['with a name that begins with a hyphen', { hostname: '-a' }, ['Hostname is invalid']],
    ['with a line break in the name', { hostname: 'a\nb' }, ['Hostname is invalid']],
    ['with invalid tags', { tags: 'one' }, ['tags is invalid']],
    ['with a wrong type', { always_pxe: 'yes', locked: 1 }, ['always_pxe is invalid', 'locked is invalid']],
    ['with an unknown key', { project_ssh_keys: ['x'] }, ['x is not a valid ssh key']],
    ['with a broken key', { ssh_keys: [{ key: 'ssh-rsa nonsense' }] }, ['Key is invalid']],
    [
      'with a termination time in the past',
      { termination_time: '2001-01-01T00:00:00Z' },
      ['Termination time must be in the future'],
    ],
  ])('%s', async (_, body, errors) => {
    const { json: project } = await lab.call('GET', `/projects/${lab.projectId}`)
    const { status, json } = await lab.call('POST', devicesPath(), { ...good, ...body })
    expect(json).toEqual({ errors: errors.map((text) => text.replace('ORG', project.organization.id)) })
    expect(status).toBe(422)
  })
})

describe('a device', () => {
  test('starts queued, without addresses, and with all events pending', async () => {
    const device = await create({ hostname: 'new', tags: ['a', 'b'] })
    expect(schemas.device.parse(device)).toEqual(device)
    expect(device).toMatchObject({
      state: 'queued',
      hostname: 'new',
      tags: ['a', 'b'],
      ip_addresses: [],
      provisioning_percentage: 0,
      billing_cycle: 'hourly',
      always_pxe: false,
      locked: false,
      sos: '127.0.0.1',
      short_id: device.id.slice(0, 8),
      metro: { code: 'am' },
      plan: { slug: 't1.small.x86' },
      href: `/metal/v1/devices/${device.id}`,
    })
    expect(device.facility.metro.code).toBe('am')
    expect(device.provisioning_events.map((event: { type: string }) => event.type)).toEqual(
      [101, 102, 103, 104, 105, 106, 107, 108, 109, 110].map((number) => `provisioning.${number}`),
    )
    expect(device.provisioning_events.every((event: { id: unknown }) => event.id === null)).toBe(true)
  })

  test('is named after its ID if no name is given', async () => {
    const device = await create()
    expect(device.hostname).toBe(`${device.short_id}.packethost.net`)
  })

  test.each(['PUT', 'PATCH'])('is changed by %s; absent fields stay unchanged', async (method) => {
    const device = await create({ tags: ['keep'], description: 'old' })
    const change = {
      hostname: 'new-name',
      ipxe_script_url: 'http://127.0.0.1:2/y',
      always_pxe: true,
      description: null,
    }
    const { status, json } = await lab.call(method, `/devices/${device.id}`, change)
    expect(status).toBe(200)
    expect(schemas.device.parse(json)).toMatchObject({ ...change, tags: ['keep'], locked: false })
    expect((await lab.call('GET', `/devices/${device.id}`)).json).toMatchObject(change)
  })

  test.each<[body: object, error: string]>([
    [{ hostname: 'a_b' }, 'Hostname is invalid'],
    [{ tags: [1] }, 'tags.0 is invalid'],
    [{ userdata: '#!ipxe\n' }, 'only ipxe_script_url or userdata may be used for custom ipxe.'],
    [{ ipxe_script_url: '' }, 'only ipxe_script_url or userdata may be used for custom ipxe.'],
    [{ ipxe_script_url: null }, 'only ipxe_script_url or userdata may be used for custom ipxe.'],
  ])('refuses the change %j', async (body, error) => {
    const device = await create()
    const { status, json } = await lab.call('PUT', `/devices/${device.id}`, body)
    expect([status, json]).toEqual([422, { errors: [error] }])
  })

  test('that is locked is not deleted, even by force', async () => {
    const device = await create({ locked: true })
    for (const query of ['', '?force_delete=true']) {
      const { status, json } = await lab.call('DELETE', `/devices/${device.id}${query}`)
      expect([status, json]).toEqual([422, { errors: ['Cannot delete a locked item'] }])
    }
    await lab.call('PUT', `/devices/${device.id}`, { locked: false })
    expect((await lab.call('DELETE', `/devices/${device.id}?force_delete=true`)).status).toBe(204)
  })

  test.each<[name: string, query: string, body: object | undefined]>([
    ['the query', '?force_delete=true', undefined],
    ['a body', '', { force_delete: true }],
  ])('is deleted while provisioning only with force, given in the %s', async (_, query, body) => {
    const device = await create()
    await waitForState(lab, device.id, 'provisioning')
    const refused = await lab.call('DELETE', `/devices/${device.id}`)
    expect([refused.status, refused.json]).toEqual([
      422,
      { errors: ['Cannot delete a device while it is provisioning'] },
    ])
    expect((await lab.call('DELETE', `/devices/${device.id}${query}`, body)).status).toBe(204)
    expect((await lab.call('GET', `/devices/${device.id}`)).json.state).toBe('deprovisioning')
  })
})

test('lists have pages, links that preserve the query, and filters', async () => {
  await using own = await startTestLab({ pace: { queuedMs: 60_000, stepMs: 0 } })
  for (let index = 0; index < 25; index++) {
    const body = { ...good, hostname: `m${index}`, tags: index % 2 === 0 ? ['even'] : [] }
    await own.call('POST', `/projects/${own.projectId}/devices`, body)
  }
  const path = `/projects/${own.projectId}/devices`
  const names: string[] = []
  for (let next: string | null = path; next !== null;) {
    const { json }: { json: z.infer<typeof schemas.deviceList> } = await own.call('GET', next)
    expect(schemas.deviceList.parse(json)).toEqual(json)
    names.push(...json.devices.map((device) => device.hostname))
    next = json.meta.next?.href ?? null
  }
  expect(names).toEqual(Array.from({ length: 25 }, (_, index) => `m${24 - index}`))

  const rows: [query: string, count: number, total: number, meta?: object][] = [
    ['', 10, 25, { current_page: 1, last_page: 3, previous: null }],
    ['?page=3', 5, 25, { next: null, previous: { href: `${path}?page=2` } }],
    ['?page=4', 0, 25],
    ['?per_page=25', 25, 25, { last_page: 1, next: null }],
    ['?per_page=99999', 25, 25],
    ['?page=0&per_page=-1', 10, 25],
    ['?tag=even&per_page=5&page=2', 5, 13, { next: { href: `${path}?tag=even&per_page=5&page=3` } }],
    ['?tag=eve', 0, 0, { last_page: 1 }],
    ['?hostname=m24', 1, 1],
    ['?hostname=m2', 6, 6],
    ['?search=M2', 6, 6],
    ['?search=even', 10, 13],
    ['?metro=ny', 0, 0],
    ['?include=plan&exclude=project', 10, 25],
  ]
  for (const [query, count, total, meta = {}] of rows) {
    const { json } = await own.call('GET', `${path}${query}`)
    expect([json.devices.length, json.meta.total], query).toEqual([count, total])
    expect(json.meta, query).toMatchObject(meta)
  }
})

describe('keys', () => {
  test('of user and project are added, listed apart, and deleted', async () => {
    for (const path of ['/ssh-keys', `/projects/${lab.projectId}/ssh-keys`]) {
      const added = await lab.call('POST', path, { label: 'mine', key: ed25519(path) })
      expect(added.status).toBe(201)
      expect(schemas.sshKey.parse(added.json)).toEqual(added.json)
      expect(idsOf(await lab.call('GET', path))).toContain(added.json.id)
      const other = path === '/ssh-keys' ? `/projects/${lab.projectId}/ssh-keys` : '/ssh-keys'
      expect(idsOf(await lab.call('GET', other))).not.toContain(added.json.id)
      expect((await lab.call('GET', `/ssh-keys/${added.json.id}`)).json).toEqual(added.json)
      const twin = await lab.call('POST', path, { label: 'again', key: ed25519(path) })
      expect([twin.status, twin.json]).toEqual([422, { errors: ['Fingerprint has already been taken'] }])
      expect((await lab.call('DELETE', `/ssh-keys/${added.json.id}`)).status).toBe(204)
      expect((await lab.call('DELETE', `/ssh-keys/${added.json.id}`)).status).toBe(404)
    }
  })

  test.each<[body: object, errors: string[]]>([
    [{}, ["Key can't be blank", "Label can't be blank"]],
    [{ label: 'x', key: 'nonsense' }, ['Key is invalid']],
    [{ label: 'x', key: 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA' }, ['Key is invalid']],
  ])('%j is refused', async (body, errors) => {
    const { status, json } = await lab.call('POST', '/ssh-keys', body)
    expect([status, json]).toEqual([422, { errors }])
  })

  test('are added to devices: all, none or named ones, and to later ones on request', async () => {
    const mine = (await lab.call('POST', `/projects/${lab.projectId}/ssh-keys`, { label: 'p', key: ed25519('p') })).json
    const { json: user } = await lab.call('GET', '/user')
    const labKey = (await lab.call('GET', '/ssh-keys')).json.ssh_keys[0]
    expect(keysOf(await create())).toEqual([labKey.href, mine.href])
    expect(keysOf(await create({ no_ssh_keys: true }))).toEqual([])
    expect(keysOf(await create({ project_ssh_keys: [mine.id] }))).toEqual([mine.href])
    expect(keysOf(await create({ user_ssh_keys: [user.id] }))).toEqual([labKey.href])
    expect(keysOf(await create({ ssh_keys: [{ label: 'inline', key: ed25519('inline') }] }))).toHaveLength(1)
    const device = await create({ no_ssh_keys: true })
    const unnamed = { label: 'l', key: ed25519('l') }
    await lab.call('POST', '/ssh-keys', unnamed)
    const named = { label: 'n', key: ed25519('n'), instances_ids: [device.id] }
    const late = (await lab.call('POST', '/ssh-keys', named)).json
    expect(keysOf((await lab.call('GET', `/devices/${device.id}`)).json)).toEqual([late.href])
  })
})
