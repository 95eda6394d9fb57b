import { describe, expect, test } from 'vitest'

import { parsePaths, shapeRelations } from '../../../src/lab/api/relations.ts'
import { expandBatch } from '../../../src/lab/api/input/device-create.ts'
import { describeLevel } from '../../../src/lab/cloud/capacity.ts'
import { startTestLab, type TestLab, type TestLabOptions, waitForState, waitUntil } from '../../helpers/lab.ts'
import { metroId } from '../../../src/lab/cloud/catalogue.ts'

const good = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata: '#!ipxe\nsleep 600' }

async function start(options: TestLabOptions = {}) {
  const lab = await startTestLab(options)
  return {
    lab,
    devices: `/projects/${lab.projectId}/devices`,
    create: async (body: object = {}) => {
      const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...good, ...body })
      expect(status, JSON.stringify(json)).toBe(201)
      return json
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}

/** The ids that words in paths stand for. */
async function idsOf(lab: TestLab, deviceId: string): Promise<Record<string, string>> {
  const { json: user } = await lab.call('GET', '/user')
  const { json: keys } = await lab.call('GET', '/ssh-keys')
  const { json: device } = await lab.call('GET', `/devices/${deviceId}`)
  const { json: events } = await lab.call('GET', `/devices/${deviceId}/events`)
  return {
    DEVICE: deviceId,
    PROJECT: lab.projectId,
    USER: user.id,
    ORGANIZATION: user.default_organization_id,
    KEY: keys.ssh_keys[0].id,
    METRO: metroId(device.metro),
    PORT: device.network_ports[0].id,
    EVENT: events.events[0].id,
    ADDRESS: device.ip_addresses[0].id,
    BLOCK: device.ip_addresses[0].parent_block.href.split('/').at(-1),
  }
}

describe('every answer matches its schema', () => {
  test('for all resources that can be read', async () => {
    await using own = await start()
    const { id } = await own.create({ customdata: { a: [1] }, hostname: 'box' })
    await waitForState(own.lab, id, 'active')
    const ids = await idsOf(own.lab, id)
    // `call` checks the schema of each answer; these are the expected values.
    const rows: [path: string, expected: object][] = [
      ['/devices/DEVICE/customdata', { a: [1] }],
      ['/devices/DEVICE/userdata', { userdata: good.userdata }],
      ['/devices/DEVICE/metadata', { id, hostname: 'box', state: 'active', metro: 'ny', facility: 'ny5' }],
      ['/devices/DEVICE/ips', { ip_addresses: [{ address_family: 4 }, { address_family: 6 }, { public: false }] }],
      ['/devices/DEVICE/ssh-keys', { ssh_keys: [{ label: 'metalkit lab' }] }],
      ['/devices/DEVICE/diagnostics/health/rollup', { health_rollup: 'ok' }],
      ['/ports/PORT', { name: 'bond0' }],
      ['/ips/ADDRESS', { type: 'IPAssignment', public: true }],
      ['/ips/BLOCK', { type: 'public_ipv4' }],
      ['/events/EVENT', { relationships: [{ href: `/metal/v1/devices/${id}` }] }],
      ['/events', { meta: { total: 8 } }],
      ['/projects/PROJECT/events?per_page=2', { meta: { total: 8, last_page: 4 } }],
      ['/organizations/ORGANIZATION/events', { meta: { total: 8 } }],
      ['/projects/PROJECT/ips', { meta: { total: 3 } }],
      ['/projects/PROJECT/ips?types=public_ipv6,private_ipv4', { meta: { total: 2 } }],
      ['/projects/PROJECT/batches', { batches: [] }],
      ['/projects/PROJECT/customdata', {}],
      ['/projects/PROJECT/facilities', {}],
      ['/projects?name=la', { projects: [{ name: 'lab' }] }],
      ['/projects?name=other', { projects: [] }],
      ['/organizations', { organizations: [{ name: 'lab' }] }],
      ['/organizations/ORGANIZATION', { projects: [{ href: `/metal/v1/projects/${own.lab.projectId}` }] }],
      ['/organizations/ORGANIZATION/projects', { projects: [{ name: 'lab' }] }],
      ['/organizations/ORGANIZATION/devices', { devices: [{ id }] }],
      ['/organizations/ORGANIZATION/plans', {}],
      ['/organizations/ORGANIZATION/facilities', {}],
      ['/organizations/ORGANIZATION/operating-systems', {}],
      ['/organizations/ORGANIZATION/capacity', {}],
      ['/organizations/ORGANIZATION/capacity/metros', {}],
      ['/users/USER', { default_project_id: own.lab.projectId }],
      ['/locations/metros/METRO', { code: 'ny' }],
      ['/locations/metros/am', { code: 'am' }],
      ['/plans?slug=c3.small.x86', { plans: [{ slug: 'c3.small.x86' }] }],
      ['/plans?type=custom', { plans: [] }],
      ['/plans?categories[]=storage', { plans: [] }],
    ]
    for (const [path, expected] of rows) {
      const answer = await own.lab.call(
        'GET',
        path.replace(/[A-Z]{3,}/, (word) => ids[word] ?? word),
      )
      expect([path, answer.status], JSON.stringify(answer.json)).toEqual([path, 200])
      expect(answer.json, path).toMatchObject(expected)
    }
  })

  test.each<[status: number, method: string, path: string]>([
    [501, 'GET', '/devices/DEVICE/diagnostics/screenshot'],
    [501, 'GET', '/devices/DEVICE/traffic'],
    [501, 'POST', '/projects/PROJECT/bgp-configs'],
    [501, 'GET', '/projects/PROJECT/virtual-networks'],
    [501, 'GET', '/vrfs/x/ips/y'],
    [405, 'DELETE', '/user'],
    [404, 'GET', '/vrf'],
    [404, 'GET', '/organizations/other/capacity'],
    [404, 'GET', '/organizations/other/devices'],
    [404, 'GET', '/events/other'],
    [404, 'GET', '/ips/other'],
    [404, 'GET', '/ports/other'],
    [404, 'GET', '/batches/other'],
    [404, 'DELETE', '/batches/other'],
    [404, 'GET', '/users/other'],
    [404, 'GET', '/locations/metros/zz'],
    [404, 'POST', '/projects/other/devices/batch'],
    [204, 'POST', '/userdata/validate?userdata=%23!ipxe'],
    [422, 'POST', '/userdata/validate?userdata=nonsense'],
  ])('%i for %s %s', async (status, method, path) => {
    await using own = await start({ pace: { queuedMs: 60_000 } })
    const { id } = await own.create()
    const answer = await own.lab.call(method, path.replace('DEVICE', id).replace('PROJECT', own.lab.projectId))
    expect([answer.status, answer.json]).toEqual([status, status < 300 ? {} : expect.anything()])
  })
})

describe('include and exclude', () => {
  test.each<[query: string, paths: string[][]]>([
    ['include=a,b.c', [['a'], ['b', 'c']]],
    ['include=a&include=b', [['a'], ['b']]],
    ['include[]=a', [['a']]],
    ['include=a.b.c.d', [['a', 'b', 'c']]],
    ['include=,%20a%20,', [['a']]],
    ['exclude=a', []],
  ])('%s', (query, paths) => {
    expect(parsePaths(new URLSearchParams(query), 'include')).toEqual(paths)
  })

  test('of a device, of a list, of events, and when creating', async () => {
    await using own = await start()
    const { id } = await own.create()
    await waitForState(own.lab, id, 'active')
    const get = async (path: string) => (await own.lab.call('GET', path)).json
    const device = await get(`/devices/${id}`)
    expect(await get(`/devices/${id}?include=project`)).toEqual({
      ...device,
      project: await get(`/projects/${own.lab.projectId}`),
    })
    const deep = await get(`/devices/${id}?include=project.organization,ssh_keys.entity,ip_addresses.assigned_to`)
    expect(deep.project.organization.projects).toHaveLength(1)
    expect(deep.ssh_keys[0].entity.email).toContain('@')
    expect(deep.ip_addresses[2].assigned_to.id).toBe(id)
    const three = await get(`/devices/${id}?include=project.members.x,project.devices.project.name`)
    expect(three.project.devices[0].project).toMatchObject({ name: 'lab', id: own.lab.projectId })
    expect(three.project.members[0].full_name).toBe('Lab User')

    const less = await get(`/devices/${id}?exclude=plan,operating_system,facility.metro,metro,ip_addresses,nothing`)
    expect(less).toMatchObject({
      plan: { href: `/metal/v1/plans/${device.plan.id}` },
      metro: { href: `/metal/v1/locations/metros/${metroId(device.metro)}` },
      hostname: device.hostname,
    })
    expect(Object.keys(less.plan)).toEqual(['href'])
    expect(less.facility).toEqual({ ...device.facility, metro: less.metro })
    expect(less.ip_addresses).toEqual(device.ip_addresses.map(({ href }: { href: string }) => ({ href })))

    const list = await get(`${own.devices}?include=project&exclude=plan`)
    expect(list.devices[0]).toMatchObject({ project: { name: 'lab' }, plan: { href: expect.any(String) } })
    expect(list.meta.self.href).toContain('include=project')
    expect((await get(`/events?include=relationships`)).events[0].relationships[0].id).toBe(id)
    const created = await own.lab.call('POST', `${own.devices}?include=project`, good)
    expect(created.json.project.name).toBe('lab')
  })

  test('a deleted object stays an href, and values that are not objects stay unchanged', () => {
    const json = { id: 'x', project: { href: '/p' }, tags: ['a'], name: 'n', gone: null }
    const shape = (query: string) => shapeRelations(json, new URLSearchParams(query), () => undefined)
    expect(shape('include=project,tags,name,gone,id.x')).toEqual(json)
    expect(shape('exclude=tags,name,gone,project.x')).toEqual(json)
  })
})

test('lists are filtered by every filter in the specification', async () => {
  await using own = await start({ pace: { queuedMs: 60_000 } })
  const one = await own.create({ hostname: 'one', tags: ['t'], termination_time: '2099-01-01T00:00:00Z' })
  await own.create({ hostname: 'two', metro: 'am', description: 'Second' })
  const rows: [query: string, names: string[]][] = [
    ['facility=ny5', ['one']],
    ['facility=zz9', []],
    ['metro=am', ['two']],
    ['has_termination_time=true', ['one']],
    ['has_termination_time=false', ['two']],
    ['reserved=true', []],
    ['reserved=false', ['two', 'one']],
    ['type=ondemand', ['two', 'one']],
    ['type=spot', []],
    ['categories=storage,compute', ['two', 'one']],
    ['categories=storage', []],
    ['search=SECOND', ['two']],
    ['search=amsterdam', ['two']],
    ['search=', ['two', 'one']],
    [`search=${one.short_id}`, ['one']],
    [`mac_address=${one.network_ports[1].data.mac.toUpperCase()}`, ['one']],
    ['tag=t&metro=am', []],
  ]
  for (const [query, names] of rows) {
    const { json } = await own.lab.call('GET', `${own.devices}?${query}`)
    expect([query, json.devices.map(({ hostname }: { hostname: string }) => hostname)]).toEqual([query, names])
  }
})

describe('batches', () => {
  test.each<[batch: Parameters<typeof expandBatch>[0], hostnames: (string | undefined)[]]>([
    [{}, [undefined]],
    [{ quantity: 2, hostname: 'a{{index}}' }, ['a01', 'a02']],
    [{ quantity: 2, hostname: 'a' }, ['a', 'a']],
    [{ hostnames: ['x', 'y'] }, ['x', 'y']],
    [{ quantity: 3, hostnames: ['x'], hostname: 'z{{index}}' }, ['x', 'z02', 'z03']],
  ])('%j', (batch, hostnames) => {
    expect(expandBatch(batch).map((body) => Object.entries(body).find(([key]) => key === 'hostname')?.[1])).toEqual(
      hostnames,
    )
  })

  test('are created as a whole by one call, read, and deleted with their devices', async () => {
    await using own = await start()
    const batches = [
      { ...good, quantity: 3, hostname: 'node-{{index}}' },
      { ...good, hostname: 'other', metro: 'am' },
    ]
    const { status, json } = await own.lab.call('POST', `${own.devices}/batch`, { batches })
    expect(status).toBe(201)
    expect(json.batches.map((batch: { quantity: number }) => batch.quantity)).toEqual([3, 1])
    const { json: list } = await own.lab.call('GET', own.devices)
    expect(list.devices.map(({ hostname }: { hostname: string }) => hostname)).toEqual([
      'other',
      'node-03',
      'node-02',
      'node-01',
    ])
    const path = `/batches/${json.batches[0].id}`
    expect((await own.lab.call('GET', path)).json).toEqual(json.batches[0])
    expect((await own.lab.call('GET', `/projects/${own.lab.projectId}/batches`)).json).toEqual(json)
    expect((await own.lab.call('DELETE', `${path}?remove_associated_instances=true`)).status).toBe(204)
    expect((await own.lab.call('DELETE', `/batches/${json.batches[1].id}`)).status).toBe(204)
    await waitUntil(
      () => own.lab.call('GET', own.devices),
      ({ json: left }) => left.meta.total === 1,
    )
  })

  test('are refused as a whole', async () => {
    await using own = await start()
    const batches = [good, { ...good, plan: 'Type0', quantity: 2 }]
    const { status, json } = await own.lab.call('POST', `${own.devices}/batch`, { batches })
    expect([status, json]).toEqual([422, { errors: ['Type0 is not a valid plan'] }])
    for (const body of [{}, { batches: [] }, { batches: [{ ...good, quantity: 101 }] }]) {
      expect((await own.lab.call('POST', `${own.devices}/batch`, body)).status).toBe(422)
    }
    expect((await own.lab.call('GET', own.devices)).json.meta.total).toBe(0)
  })
})

describe('facilities, if enabled', () => {
  test.each<[facility: unknown, metro: string | undefined, code: string]>([
    [['am6'], undefined, 'am6'],
    ['ams1', undefined, 'ams1'],
    [['zz1', 'ny7'], undefined, 'ny7'],
    ['any', undefined, 'am6'],
    [['any'], undefined, 'am6'],
    [undefined, 'sv', 'sv15'],
    [[], 'sv', 'sv15'],
  ])('%j and metro %j selects %s', async (facility, metro, code) => {
    await using own = await start({ facilities: true, pace: { queuedMs: 60_000 } })
    const device = await own.create({ facility, metro })
    expect([device.facility.code, device.facility.metro.code]).toEqual([code, device.metro.code])
  })

  test.each<[facility: unknown, errors: string[]]>([
    ['ny5x', ['ny5x is not a valid facility']],
    ['', ["Facility can't be blank"]],
    [undefined, ["Metro can't be blank"]],
    [7, ['facility is invalid']],
  ])('%j is refused', async (facility, errors) => {
    await using own = await start({ facilities: true })
    const { status, json } = await own.lab.call('POST', own.devices, { ...good, metro: undefined, facility })
    expect([status, json]).toEqual([422, { errors }])
  })
})

describe('capacity', () => {
  test('is shared by devices in all metros, and reported in advance', async () => {
    await using own = await start({ capacity: { memoryMib: 3 * 1024, cpus: 2 } })
    const check = async (quantity: unknown, metro = 'am') =>
      (await own.lab.call('POST', '/capacity/metros', { servers: [{ metro, plan: good.plan, quantity }] })).json
        .servers[0]
    const levels = async () => (await own.lab.call('GET', '/capacity/metros')).json.capacity.da[good.plan]
    expect(await levels()).toEqual({ level: 'limited', available_servers: 3 })
    expect(await check('3')).toEqual({ metro: 'am', plan: good.plan, quantity: '3', available: true })
    expect(await check(4)).toEqual({ metro: 'am', plan: good.plan, quantity: '4', available: false })
    expect((await check(1, 'zz')).available).toBe(false)
    const refusal = [422, { errors: ["There aren't available servers in that metro"] }]
    const batch = await own.lab.call('POST', `${own.devices}/batch`, { batches: [{ ...good, quantity: 4 }] })
    expect([batch.status, batch.json]).toEqual(refusal)
    const first = await own.create()
    await own.create()
    await own.create({ metro: 'am' })
    const { status, json } = await own.lab.call('POST', own.devices, good)
    expect([status, json]).toEqual(refusal)
    expect(await levels()).toEqual({ level: 'unavailable', available_servers: 0 })
    await waitForState(own.lab, first.id, 'active')
    await own.lab.call('DELETE', `/devices/${first.id}`)
    await waitUntil(levels, ({ available_servers: free }) => free === 1)
    const servers = [{ facility: 'am6', plan: good.plan, quantity: '1' }]
    const byFacility = await own.lab.call('POST', '/capacity', { servers })
    expect(byFacility.json).toEqual({ servers: [{ ...servers[0], available: true }] })
    expect((await own.lab.call('GET', '/capacity')).json.capacity.am6[good.plan]).toEqual({ level: 'limited' })
    expect((await own.lab.call('POST', '/capacity', { servers: 'all' })).status).toBe(422)
  })

  test('a machine has no more processors than the computer has', async () => {
    await using own = await start({ capacity: { memoryMib: 64 * 1024, cpus: 1 } })
    const large = await own.lab.call('POST', own.devices, { ...good, plan: 'm3.large.x86' })
    expect([large.status, large.json]).toEqual([422, { errors: ["There aren't available servers in that metro"] }])
    const { json } = await own.lab.call('GET', '/capacity/metros')
    expect(json.capacity.da['m3.large.x86']).toEqual({ level: 'unavailable', available_servers: 0 })
    expect(json.capacity.da['t1.small.x86']).toEqual({ level: 'normal', available_servers: 64 })
    await own.create({ plan: 't1.small.x86' })
  })
})

test.each([
  [0, 'unavailable'],
  [1, 'limited'],
  [4, 'limited'],
  [5, 'normal'],
])('%i servers are %s', (free, level) => expect(describeLevel(free)).toBe(level))

test('requests beyond the limit are refused until the window ends', async () => {
  await using own = await start({ rateLimit: { requests: 3, windowMs: 4000 } })
  const ask = async () => {
    const { status, headers } = await own.lab.call('GET', '/user')
    return [status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]
  }
  expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
    [200, '3', '2'],
    [200, '3', '1'],
    [200, '3', '0'],
    [429, '3', '0'],
  ])
  const { headers, json } = await own.lab.call('GET', '/user')
  expect(json).toEqual({ error: 'Too many requests' })
  const wait = Number(headers.get('retry-after'))
  expect(wait).toBeGreaterThanOrEqual(1)
  expect(wait).toBeLessThanOrEqual(4)
  expect(Math.abs(Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000)).toBeLessThan(30)
  await waitUntil(ask, ([status]) => status === 200)
})

test('a key is renamed, and changed only into another key', async () => {
  await using own = await start()
  const { json: keys } = await own.lab.call('GET', '/ssh-keys')
  const path = `/ssh-keys/${keys.ssh_keys[0].id}`
  const { status, json } = await own.lab.call('PUT', path, { label: 'new', tags: ['t'] })
  expect([status, json.label, json.tags, json.key]).toEqual([200, 'new', ['t'], keys.ssh_keys[0].key])
  expect((await own.lab.call('PATCH', path, { key: 'ssh-rsa AAAA' })).status).toBe(422)
  expect((await own.lab.call('PUT', path, { label: '' })).status).toBe(422)
})
