// The acceptance tests of packngo, metal-cli and Terraform each begin by creating a project.
import { expect, test } from 'vitest'

import { startTestLab, waitForState } from '../../helpers/lab.ts'
import { publicKey, startClientLab, userdata } from './client.ts'

const device = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata }

test('a project is created, renamed, listed, filled and deleted, separately from others', async () => {
  await using own = await startClientLab()
  const { send, lab } = own
  const { json: user } = await lab.call('GET', '/user')
  const first = await send(201, 'POST', '/projects', { name: 'PACKNGO_TEST', payment_method_id: '' })
  const path = `/organizations/${user.default_organization_id}/projects`
  const second = await send(201, 'POST', path, { name: 'second', tags: ['t'], customdata: { a: 1 } })
  expect((await send(200, 'GET', `/projects/${first.id}`)).payment_method.href).not.toBe('')
  expect(second).toMatchObject({ tags: ['t'], customdata: { a: 1 }, devices: [], backend_transfer_enabled: false })
  const names = async (query = '') =>
    (await send(200, 'GET', `/projects${query}`)).projects.map(({ name }: { name: string }) => name)
  expect(await names()).toEqual(['lab', 'PACKNGO_TEST', 'second'])
  expect(await names('?name=sec')).toEqual(['second'])
  for (const [method, name] of ['PUT', 'PATCH'].entries()) {
    const body = { name: `renamed ${method}`, backend_transfer_enabled: true }
    const renamed = await send(200, name, `/projects/${second.id}`, body)
    expect(renamed).toMatchObject({ ...body, tags: ['t'], customdata: { a: 1 } })
  }

  const key = await send(201, 'POST', `/projects/${first.id}/ssh-keys`, { label: 'k', key: publicKey('k') })
  const created = await send(201, 'POST', `/projects/${first.id}/devices`, device)
  expect(created).toMatchObject({ project: { href: `/metal/v1/projects/${first.id}` } })
  expect(created.ssh_keys).toContainEqual({ href: key.href })
  const elsewhere = await send(201, 'POST', `/projects/${second.id}/devices`, device)
  expect(elsewhere.ssh_keys).not.toContainEqual({ href: key.href })
  const refused = { ...device, project_ssh_keys: [key.id] }
  expect(await send(422, 'POST', `/projects/${second.id}/devices`, refused)).toEqual({
    errors: [`${key.id} is not a valid ssh key`],
  })
  for (const list of ['devices', 'events', 'ssh-keys']) {
    const answer = await send(200, 'GET', `/projects/${lab.projectId}/${list}`)
    expect(answer[list.replace('-', '_')], list).toEqual([])
  }
  expect((await send(200, 'GET', `/projects/${first.id}/devices`)).devices).toHaveLength(1)
  expect(await send(422, 'DELETE', `/projects/${first.id}`)).toEqual({
    errors: ['Cannot delete a project with active devices'],
  })
  await waitForState(lab, created.id, 'active')
  expect((await send(200, 'GET', `/projects/${first.id}/ips`)).ip_addresses).toHaveLength(3)
  await send(204, 'DELETE', `/devices/${created.id}`)
  // packngo's acceptance tests delete the project at once, while its device is still deprovisioning.
  await send(204, 'DELETE', `/projects/${first.id}`)
  await send(404, 'GET', `/projects/${first.id}`)
  await send(404, 'GET', `/ssh-keys/${key.id}`)
  await send(404, 'POST', `/projects/${first.id}/devices`, device)
})

test.each<[status: number, method: string, path: string, body: object, errors: string[]]>([
  [422, 'POST', '/projects', {}, ["Name can't be blank"]],
  [422, 'POST', '/projects', { name: '' }, ["Name can't be blank"]],
  [422, 'POST', '/projects', { name: 'x'.repeat(81) }, ['name is invalid']],
  [422, 'PUT', '/projects/PROJECT', { name: '' }, ["Name can't be blank"]],
  [422, 'DELETE', '/projects/PROJECT', {}, ["Cannot delete the lab's own project"]],
])('%i for %s %s %j', async (status, method, path, body, errors) => {
  await using own = await startClientLab()
  expect(await own.send(status, method, path.replace('PROJECT', own.lab.projectId), body)).toEqual({ errors })
})

test('API keys of user and project open the API, read-only ones only for reading', async () => {
  await using own = await startClientLab()
  const { lab, send } = own
  for (const path of ['/user/api-keys', `/projects/${lab.projectId}/api-keys`]) {
    const key = await send(201, 'POST', path, { description: 'full' })
    const reader = await send(201, 'POST', path, { description: 'reader', read_only: true })
    expect((await send(200, 'GET', path)).api_keys).toEqual([key, reader])
    expect((await send(200, 'GET', `${path}?search=read`)).api_keys).toEqual([reader])
    const keys = `/projects/${lab.projectId}/ssh-keys`
    const status = async (token: string, method: string) =>
      (await lab.call(method, keys, method === 'GET' ? undefined : {}, { 'x-auth-token': token })).status
    expect([await status(key.token, 'GET'), await status(key.token, 'POST')]).toEqual([200, 422])
    expect([await status(reader.token, 'GET'), await status(reader.token, 'POST')]).toEqual([200, 403])
    await send(204, 'DELETE', `/user/api-keys/${key.id}`)
    await send(204, 'DELETE', `/api-keys/${reader.id}`)
    await send(404, 'DELETE', `/api-keys/${reader.id}`)
    expect([await status(key.token, 'GET'), await status(reader.token, 'GET')]).toEqual([401, 401])
    expect(lab.lines.join('\n')).not.toContain(key.token)
  }
})

test('an API key of a project opens only that project and the catalogue', async () => {
  await using own = await startClientLab()
  const { lab, send } = own
  const mine = await send(201, 'POST', '/projects', { name: 'mine' })
  const { token } = await send(201, 'POST', `/projects/${mine.id}/api-keys`, { description: 'ci' })
  const other = await own.createActive(device)
  const otherKey = await send(201, 'POST', `/projects/${lab.projectId}/ssh-keys`, { label: 'o', key: publicKey('o') })
  const reserved = await send(201, 'POST', `/projects/${lab.projectId}/ips`, {
    type: 'public_ipv4',
    quantity: 1,
    metro: 'ny',
  })
  const { batches } = await send(201, 'POST', `/projects/${lab.projectId}/devices/batch`, { batches: [device] })
  const otherToken = await send(201, 'POST', `/projects/${lab.projectId}/api-keys`, { description: 'other' })
  const { json: user } = await lab.call('GET', '/user')
  const { events } = await send(200, 'GET', `/devices/${other.id}/events`)
  const ask = async (method: string, path: string, body?: object) =>
    await lab.call(method, path, body, { 'x-auth-token': token })

  const closed: [method: string, path: string, body?: object][] = [
    ['GET', `/projects/${lab.projectId}`],
    ['DELETE', `/projects/${lab.projectId}`],
    ['POST', `/projects/${lab.projectId}/devices`, device],
    ['GET', `/projects/${lab.projectId}/devices`],
    ['POST', '/projects', { name: 'more' }],
    ['GET', `/devices/${other.id}`],
    ['DELETE', `/devices/${other.id}`],
    ['POST', `/devices/${other.id}/actions`, { type: 'reboot' }],
    ['GET', `/events/${events[0].id}`],
    ['GET', `/ports/${other.network_ports[0].id}`],
    ['GET', `/ssh-keys/${otherKey.id}`],
    ['GET', `/ips/${reserved.id}`],
    ['GET', `/ips/${other.ip_addresses[0].id}`],
    ['GET', `/projects/${mine.id}/ips/${reserved.id}/customdata`],
    ['GET', `/batches/${batches[0].id}`],
    ['DELETE', `/api-keys/${otherToken.id}`],
    ['DELETE', `/user/api-keys/${otherToken.id}`],
    ['GET', '/events'],
    ['GET', '/ssh-keys'],
    ['GET', '/user'],
    ['GET', '/user/api-keys'],
    ['GET', '/organizations'],
    ['GET', `/organizations/${user.default_organization_id}/devices`],
  ]
  for (const [method, path, body] of closed) {
    const { status, json } = await ask(method, path, body)
    expect([status, json], `${method} ${path}`).toEqual([
      403,
      { error: 'Access denied for the current authentication token' },
    ])
  }
  const control = new URL('/lab/faults', lab.apiUrl)
  expect((await fetch(control, { headers: { 'x-auth-token': token } })).status).toBe(403)

  expect((await ask('GET', '/projects')).json.projects).toMatchObject([{ id: mine.id }])
  const created = await ask('POST', `/projects/${mine.id}/devices`, device)
  expect(created.status).toBe(201)
  for (const path of [
    `/projects/${mine.id}`,
    `/projects/${mine.id}/devices`,
    `/devices/${created.json.id}`,
    `/devices/${created.json.id}/events`,
    '/plans',
    '/locations/metros',
    '/operating-systems',
    '/capacity/metros',
    '/market/spot/prices',
  ]) {
    expect((await ask('GET', path)).status, path).toBe(200)
  }
  const { json } = await ask('GET', `/projects/${mine.id}?include=members.projects,devices`)
  expect(json.devices).toMatchObject([{ hostname: created.json.hostname }])
  expect(JSON.stringify(json)).not.toContain('"name":"lab","type"')
  expect((await ask('GET', '/devices/nothing')).status).toBe(404)
})

test('the user can be changed, and shows its emails, projects and memberships', async () => {
  await using own = await startClientLab()
  const changed = await own.send(200, 'PATCH', '/user', { first_name: 'Ada', timezone: 'Europe/Paris' })
  expect(changed).toMatchObject({ first_name: 'Ada', full_name: 'Ada User', timezone: 'Europe/Paris' })
  await own.send(200, 'PUT', '/user', { customdata: { a: 1 } })
  const { json } = await own.lab.call('GET', '/user?include=emails,projects,memberships')
  expect(json).toMatchObject({
    full_name: 'Ada User',
    customdata: { a: 1 },
    emails: [{ address: json.email, default: true }],
    projects: [{ id: own.lab.projectId, name: 'lab' }],
    memberships: [{ roles: ['admin'], project: { href: `/metal/v1/projects/${own.lab.projectId}` } }],
  })
  await own.send(200, 'GET', json.emails[0].href.replace('/metal/v1', ''))
  await own.send(200, 'GET', json.memberships[0].href.replace('/metal/v1', ''))
})

test('resources that no lab has are empty lists', async () => {
  await using own = await startClientLab()
  const project = `/projects/${own.lab.projectId}`
  const { id } = await own.createActive(device)
  const rows: [path: string, expected: object][] = [
    [`${project}/bgp-config`, {}],
    [`${project}/bgp/sessions`, { bgp_sessions: [] }],
    [`/devices/${id}/bgp/sessions`, { bgp_sessions: [] }],
    [`${project}/hardware-reservations`, { hardware_reservations: [] }],
    ['/market/spot/prices', { spot_market_prices: {} }],
    ['/market/spot/prices/metros', { spot_market_prices: {} }],
    [`${project}/usages`, { usages: [] }],
    [`/devices/${id}/usages`, { usages: [] }],
    [`/devices/${id}/bandwidth?from=1&until=2`, { bandwidth: [] }],
  ]
  for (const [path, expected] of rows) expect(await own.send(200, 'GET', path), path).toMatchObject(expected)
})

test('projects, their keys and the user outlive the lab', async () => {
  await using first = await startTestLab({ cloudFile: undefined })
  const cloudFile = `${first.stateFolder}/kept.json`
  const before = await startTestLab({ stateFolder: first.stateFolder, cloudFile })
  const { json: project } = await before.call('POST', '/projects', { name: 'kept' })
  const { json: key } = await before.call('POST', `/projects/${project.id}/ssh-keys`, {
    label: 'k',
    key: `${publicKey('k')}\n`,
  })
  const { json: apiKey } = await before.call('POST', `/projects/${project.id}/api-keys`, { description: 'd' })
  const { json: userKey } = await before.call('POST', '/user/api-keys', { description: 'u' })
  await before.call('PATCH', `/projects/${before.projectId}`, { name: 'renamed' })
  await before.call('PATCH', '/user', { first_name: 'Ada' })
  await before[Symbol.asyncDispose]()
  await using after = await startTestLab({ stateFolder: first.stateFolder, cloudFile })
  const get = async (path: string) => (await after.call('GET', path)).json
  const { projects } = await get('/projects')
  expect(projects.map(({ name }: { name: string }) => name)).toEqual(['renamed', 'kept'])
  expect(await get(`/ssh-keys/${key.id}`)).toEqual(key)
  expect((await get(`/projects/${project.id}/api-keys`)).api_keys).toEqual([apiKey])
  expect((await get('/user/api-keys')).api_keys).toEqual([userKey])
  expect((await get('/user')).first_name).toBe('Ada')
})
