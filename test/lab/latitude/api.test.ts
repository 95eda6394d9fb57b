import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { waitUntil } from '../../helpers/lab.ts'
import { operationNames } from './contract.ts'
import { body, type LatitudeLab, shellScript, startLatitudeLab } from './world.ts'

let lab: LatitudeLab
beforeAll(async () => {
  lab = await startLatitudeLab()
})
afterAll(() => lab[Symbol.asyncDispose]())

const missing = { errors: [{ code: 'not_found', status: '404', detail: 'Specified Record Not Found' }] }

describe('every operation answers as the published specification says', () => {
  test('the catalogue, the projects and the keys', async () => {
    const { ask } = lab
    const plans = await ask('GET', '/plans?filter[slug]=c3-small-x86&filter[in_stock]=true&filter[location]=DAL')
    const [plan] = plans.json.data
    expect(plan.attributes).toMatchObject({ slug: 'c3-small-x86', name: 'c3.small.x86' })
    expect(
      plan.attributes.regions.flatMap((region: { locations: { in_stock: string[] } }) => region.locations.in_stock),
    ).toContain('DAL')
    expect((await ask('GET', `/plans/${plan.id}`)).json.data).toEqual(plan)
    const regions = await ask('GET', '/regions?page[size]=5&stats[total]=count')
    expect(regions.json).toMatchObject({ data: { length: 5 }, meta: { stats: { total: { count: 18 } } } })
    const [region] = regions.json.data
    expect((await ask('GET', `/regions/${region.id}`)).json.data.attributes.slug).toBe('ASH')
    const projects = await ask('GET', '/projects?filter[slug]=lab')
    expect(projects.json.data).toMatchObject([{ id: lab.projectId, attributes: { provisioning_type: 'on_demand' } }])
    const keys = await ask('GET', `/ssh_keys?filter[project]=${lab.projectId}&page[size]=1&page[number]=1`)
    expect(keys.json.data).toMatchObject([{ attributes: { public_key: expect.stringMatching(/^ssh-ed25519 /) } }])
    const line = `ssh-ed25519 ${Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0\x20${'k'.repeat(32)}`).toString('base64')}`
    const added = await ask('POST', '/ssh_keys', body('ssh_keys', { name: 'k', public_key: line, project: 'lab' }))
    expect([added.status, added.json.data.attributes.project.id]).toEqual([201, lab.projectId])
    const { id } = added.json.data
    expect(id).toMatch(/^ssh_[A-Za-z0-9]{13}$/)
    expect((await ask('GET', `/ssh_keys/${id}`)).json.data.attributes.fingerprint).toMatch(/^([0-9a-f]{2}:){15}/)
    const renamed = await ask('PATCH', `/ssh_keys/${id}`, body('ssh_keys', { name: 'other' }, id))
    expect(renamed.json.data.attributes.name).toBe('other')
    const removed = await ask('DELETE', `/ssh_keys/${id}`)
    expect([removed.status, removed.json]).toEqual([200, { meta: {} }])
    expect(await ask('GET', `/ssh_keys/${id}`)).toMatchObject({ status: 404, json: missing })
  })

  test('a server, from its create until it is gone', async () => {
    const { ask, keyId } = lab
    const created = await lab.create({ hostname: 'whole-life', persistent_netboot: true })
    expect(created.status).toBe(201)
    const { id, attributes } = created.json.data
    expect(id).toMatch(/^sv_[A-Za-z0-9]{13}$/)
    expect(attributes).toMatchObject({
      status: 'starting_deploy',
      primary_ipv4: expect.stringMatching(/^203\.0\.113\./),
    })
    expect(attributes).not.toHaveProperty('tags')
    const on = await lab.waitForStatus(id, 'on')
    expect(on.headers.get('content-type')).toBe('application/vnd.api+json; charset=utf-8')
    expect(on.headers.get('x-request-id')).toMatch(/./)
    expect(on.headers.get('x-metalkit-lab')).toBe('yes')
    expect(on.json.data.attributes).toMatchObject({
      hostname: 'whole-life',
      locked: false,
      region: { site: { slug: 'DAL' } },
      project: { id: lab.projectId, provisioning_type: 'on_demand' },
      plan: { slug: 'c3-small-x86', billing: 'hourly' },
      operating_system: { slug: 'ipxe' },
    })
    expect(on.json.data.attributes).not.toHaveProperty('credentials')
    const full = await ask('GET', `/servers/${id}?extra_fields[servers]=credentials`)
    expect(full.json.data.attributes.credentials.password).toMatch(/./)

    const opened = await ask(
      'POST',
      `/servers/${id}/out_of_band_connection`,
      body('out_of_band', { ssh_key_id: await keyId() }),
    )
    expect(opened).toMatchObject({ status: 201, json: { data: { attributes: { port: String(lab.sos.port) } } } })
    expect(opened.json.data.attributes.username).toMatch(/^server-\d+$/)
    expect((await ask('GET', `/servers/${id}/out_of_band_connection`)).json).toEqual(opened.json)

    const renamed = await ask('PATCH', `/servers/${id}`, body('servers', { hostname: 'renamed', tags: [] }, id))
    expect(renamed.json.data.attributes.hostname).toBe('renamed')
    expect(await ask('POST', `/servers/${id}/lock`)).toMatchObject({ status: 200 })
    const locked = { code: null, status: 'locked', title: 'Locked Server' }
    expect(await ask('DELETE', `/servers/${id}`)).toMatchObject({ status: 423, json: { errors: [locked] } })
    expect(await ask('PATCH', `/servers/${id}`, body('servers', { hostname: 'x' }, id))).toMatchObject({ status: 423 })
    expect((await ask('POST', `/servers/${id}/unlock`)).json.data.attributes.locked).toBe(false)

    const off = await ask('POST', `/servers/${id}/actions`, body('actions', { action: 'power_off' }))
    expect(off).toMatchObject({ status: 201, json: { data: { attributes: { status: 'Powering off device' } } } })
    await lab.waitForStatus(id, 'off')
    await ask('POST', `/servers/${id}/actions`, body('actions', { action: 'power_on' }))
    await lab.waitForStatus(id, 'on')

    const config = await ask('GET', `/servers/${id}/deploy_config`)
    expect(config.json.data.attributes).toMatchObject({ operating_system: 'ipxe', persistent_netboot: true })
    await ask('PATCH', `/servers/${id}/deploy_config`, { type: 'deploy_config', attributes: { hostname: 'later' } })
    const again = await ask(
      'POST',
      `/servers/${id}/reinstall`,
      body('reinstalls', { operating_system: 'ipxe', ipxe: 'http://127.0.0.1:9/x', hostname: 'again' }),
    )
    expect([again.status, again.json]).toEqual([201, {}])
    const reinstalling = await ask('GET', `/servers/${id}`)
    expect(reinstalling.json.data.attributes).toMatchObject({ hostname: 'again' })
    await lab.waitForStatus(id, 'on')

    const scheduled = await ask('POST', `/servers/${id}/schedule_deletion`)
    const at = scheduled.json.data.attributes.scheduled_deletion_at
    expect(Date.parse(at)).toBeGreaterThan(Date.now())
    expect((await ask('GET', `/servers/${id}`)).json.data.attributes.scheduled_deletion_at).toBe(at)
    expect(await ask('DELETE', `/servers/${id}/schedule_deletion`)).toMatchObject({ status: 204 })

    const listed = await ask(
      'GET',
      `/servers?filter[project]=lab&filter[hostname]=AGAI&filter[status]=on&stats[total]=count`,
    )
    expect(listed.json).toMatchObject({ data: [{ id }], meta: { stats: { total: { count: 1 } } } })
    expect(await ask('DELETE', `/servers/${id}?reason=test`)).toMatchObject({ status: 204, json: undefined })
    await waitUntil(
      () => ask('GET', `/servers/${id}`),
      ({ status, json }) => {
        if (status === 200) expect(json.data.attributes.status).toBe('deleting')
        return status === 404
      },
    )
    expect(await ask('DELETE', `/servers/${id}`)).toMatchObject({ status: 404, json: missing })
  })

  test('a reserved project', async () => {
    const { ask } = lab
    const attributes = { name: 'For A Year', provisioning_type: 'reserved' }
    const project = await ask('POST', '/projects', body('projects', attributes))
    expect(project).toMatchObject({ status: 201, json: { data: { attributes: { slug: 'for-a-year' } } } })
    const refused = await lab.create({ project: 'for-a-year' })
    expect(refused).toMatchObject({
      status: 422,
      json: { errors: [{ source: { pointer: '/data/attributes/billing' } }] },
    })
    const created = await lab.create({ project: 'for-a-year', billing: 'yearly' })
    const { id } = created.json.data
    expect(await ask('DELETE', `/servers/${id}`)).toMatchObject({
      status: 422,
      json: { errors: [{ detail: expect.stringContaining('Reserved servers cannot be directly deleted') }] },
    })
    await lab.waitForStatus(id, 'on')
  })

  test('none is missing', () => {
    expect(operationNames.filter((name) => !lab.covered.has(name))).toEqual([])
  })
})

describe('it refuses', () => {
  test.each([
    ['no project', { project: undefined }, "project can't be blank"],
    ['no plan', { plan: undefined }, "plan can't be blank"],
    ['no site', { site: undefined }, "site can't be blank"],
    ['no operating system', { operating_system: undefined }, "operating_system can't be blank"],
    ['no host name', { hostname: undefined }, "hostname can't be blank"],
    ['a host name of 33 characters', { hostname: 'x'.repeat(33) }, 'hostname is invalid'],
    ['a host name that begins with a dash', { hostname: '-x' }, 'hostname is invalid'],
    ['no script', { ipxe: undefined }, 'ipxe must be informed'],
    ['a script as plain text', { ipxe: '#!ipxe\nshell' }, 'ipxe is not a URL, nor an iPXE script in base64'],
    ['base64 of something else', { ipxe: Buffer.from('echo').toString('base64') }, 'ipxe is not a URL'],
    [
      'a script with a disk layout',
      { disk_layout: [{ count: 1, role: 'os' }] },
      'ipxe and disk_layout exclude each other',
    ],
    ['a netboot of an installed system', { operating_system: 'debian_12', persistent_netboot: true }, 'only supported'],
    ['an unknown site', { site: 'dal' }, 'Site not found'],
    ['an unknown plan', { plan: 'c3.small.x86' }, 'Plan not found'],
    ['an unknown project', { project: 'nowhere' }, 'Project not found'],
    ['yearly billing on demand', { billing: 'yearly' }, 'billing yearly is not available'],
    [
      'a key of no project',
      { ssh_keys: ['ssh_none'] },
      /SSH Keys were not found in project 'proj_\w+': \["ssh_none"\]\./,
    ],
  ])('a create with %s', async (_what, attributes, detail) => {
    const before = lab.devices().length
    const { status, json } = await lab.create(attributes)
    const text = detail instanceof RegExp ? expect.stringMatching(detail) : expect.stringContaining(detail)
    expect({ status, errors: json.errors }).toMatchObject({
      status: 422,
      errors: [{ code: 'VALIDATION_ERROR', status: '422', detail: text }],
    })
    expect(lab.devices()).toHaveLength(before)
  })

  test('a create whose billing is no word of the specification', async () => {
    const sent = body('servers', { billing: 'daily' })
    expect(await lab.ask('POST', '/servers', sent, { isWrong: true })).toMatchObject({
      status: 422,
      json: { errors: [{ detail: 'billing is invalid' }] },
    })
  })

  test.each([
    ['text', 'nonsense', 400],
    ['an envelope without data', {}, 400],
    ['another type', body('server', {}), 422],
    ['an action that is none', { data: { type: 'actions', attributes: { action: 'explode' } } }, 422],
  ])('a body that is %s', async (_what, sent, status) => {
    const path =
      typeof sent === 'object' && 'data' in sent && sent.data.type === 'actions' ? '/servers/x/actions' : '/servers'
    const answer = await lab.ask('POST', path, sent, { isWrong: true })
    expect(answer.status).toBe(path === '/servers' ? status : 404)
  })

  test('a body of another media type', async () => {
    const headers = { 'content-type': 'text/plain' }
    expect(await lab.ask('POST', '/servers', '{}', { headers, isWrong: true })).toMatchObject({ status: 415 })
  })

  test('a list with an unknown filter, or a page of nothing', async () => {
    const source = { parameter: 'filter[name]' }
    expect(await lab.ask('GET', '/servers?filter[name]=x', undefined, { isWrong: true })).toMatchObject({
      status: 400,
      json: { errors: [{ source }] },
    })
    expect(await lab.ask('GET', '/servers?page[size]=0')).toMatchObject({ status: 400 })
  })

  test('a wrong key; a bare one and a bearer token are taken', async () => {
    const ask = (authorization: string) => lab.ask('GET', '/projects', undefined, { headers: { authorization } })
    expect(await ask('Bearer nobody')).toMatchObject({ status: 401, json: { errors: [{ status: '401' }] } })
    expect(await ask('')).toMatchObject({ status: 401 })
    expect(await ask(lab.token)).toMatchObject({ status: 200 })
    expect(await ask(`bearer ${lab.token}`)).toMatchObject({ status: 200 })
  })

  test('unknown paths, methods and servers', async () => {
    const wrong = { isWrong: true }
    expect(await lab.ask('GET', '/nothing', undefined, wrong)).toMatchObject({ status: 404, json: missing })
    expect(await lab.ask('PUT', '/servers', undefined, wrong)).toMatchObject({ status: 405 })
    expect(await lab.ask('GET', '/servers/sv_none')).toMatchObject({ status: 404, json: missing })
    const reinstall = body('reinstalls', { operating_system: 'ipxe', ipxe: shellScript })
    expect(await lab.ask('POST', '/servers/sv_none/reinstall', reinstall)).toMatchObject({
      status: 404,
      json: { errors: [{ code: 'REINSTALL_SERVER_NOT_FOUND' }] },
    })
  })

  test('a console, actions and a reinstall while the server is being provisioned', async () => {
    await using slow = await startLatitudeLab({ pace: { queuedMs: 60_000 } })
    const { id } = (await slow.create()).json.data
    const code = 'SERVER_BEING_PROVISIONED'
    const refused = { status: 422, json: { errors: [{ code }] } }
    expect((await slow.ask('GET', `/servers/${id}`)).json.data.attributes.status).toBe('off')
    const key = { ssh_key_id: await slow.keyId() }
    expect(await slow.ask('POST', `/servers/${id}/out_of_band_connection`, body('out_of_band', key))).toMatchObject(
      refused,
    )
    expect(await slow.ask('GET', `/servers/${id}/out_of_band_connection`)).toMatchObject({ status: 404, json: missing })
    expect(await slow.ask('POST', `/servers/${id}/actions`, body('actions', { action: 'reboot' }))).toMatchObject(
      refused,
    )
    const again = body('reinstalls', { operating_system: 'ipxe', ipxe: shellScript })
    expect(await slow.ask('POST', `/servers/${id}/reinstall`, again)).toMatchObject(refused)
  })

  test('more machines than it has room for', async () => {
    await using small = await startLatitudeLab({ capacity: { memoryMib: 1024, cpus: 2 } })
    expect(await small.create()).toMatchObject({ status: 201 })
    expect(await small.create()).toMatchObject({
      status: 422,
      json: { errors: [{ detail: expect.stringContaining('out of stock') }] },
    })
    const { json } = await small.ask('GET', '/plans?filter[slug]=c3-small-x86')
    expect(json.data[0].attributes.regions[0]).toMatchObject({
      stock_level: 'unavailable',
      locations: { in_stock: [] },
    })
  })
})

test('the page deletes and switches machines by routes of the lab, which need its token', async () => {
  const { id } = (await lab.create({ hostname: 'by-page' })).json.data
  await lab.waitForStatus(id, 'on')
  const ask = async (method: string, path: string, sent?: object, token = lab.token) => {
    const headers = { 'x-auth-token': token, 'content-type': 'application/json' }
    const text = sent === undefined ? {} : { body: JSON.stringify(sent) }
    return (await fetch(`${lab.origin}/lab${path}`, { method, headers, ...text })).status
  }
  expect(await ask('DELETE', `/devices/${id}`, undefined, 'wrong')).toBe(401)
  expect(await ask('POST', `/devices/${id}/actions`, { type: 'reinstall' })).toBe(422)
  expect(await ask('POST', `/devices/${id}/actions`, { type: 'power_off' })).toBe(202)
  await lab.waitForStatus(id, 'off')
  await lab.ask('POST', `/servers/${id}/lock`)
  expect(await ask('DELETE', `/devices/${id}`)).toBe(422)
  await lab.ask('POST', `/servers/${id}/unlock`)
  expect(await ask('DELETE', `/devices/${id}`)).toBe(204)
  await waitUntil(
    () => lab.ask('GET', `/servers/${id}`),
    ({ status }) => status === 404,
  )
  expect(await ask('DELETE', `/devices/${id}`)).toBe(404)
})
