// packet-python, and Ansible's packet modules, which use it: create_device of Manager.py with its defaults, paths with two slashes.
import { expect, test } from 'vitest'

import { startClientLab, userdata } from './client.ts'

/** The request of Manager.create_device, with its defaults. */
function createBody(projectId: string, body: object): object {
  return {
    billing_cycle: 'hourly',
    features: {},
    hostname: 'box',
    locked: false,
    operating_system: 'custom_ipxe',
    plan: 'c3.small.x86',
    project_id: projectId,
    public_ipv4_subnet_size: 31,
    project_ssh_keys: [],
    tags: {},
    user_ssh_keys: [],
    userdata: '',
    metro: 'ny',
    ...body,
  }
}

test('a device is created with `tags: {}`, updated, acted on and deleted', async () => {
  await using own = await startClientLab()
  const { lab, send } = own
  const body = createBody(lab.projectId, { always_pxe: false, ipxe_script_url: 'http://127.0.0.1:1/x' })
  expect(await send(201, 'POST', own.devices, body)).toMatchObject({ tags: [], userdata: '' })
  const device = await own.createActive(createBody(lab.projectId, { userdata, tags: ['a'] }))
  expect(device.tags).toEqual(['a'])
  // Device.update sends the values that it read, including null.
  const read = ['locked', 'description', 'billing_cycle', 'userdata', 'always_pxe', 'ipxe_script_url', 'spot_instance']
  const same = Object.fromEntries(read.map((name) => [name, device[name]]))
  const update = { ...same, hostname: 'new', tags: {}, customdata: { a: 1 } }
  expect(await send(200, 'PATCH', `/devices/${device.id}`, update)).toMatchObject({
    hostname: 'new',
    tags: [],
    customdata: { a: 1 },
    userdata,
  })
  await send(202, 'POST', `/devices/${device.id}/actions`, { type: 'reboot' })
  await send(204, 'DELETE', `/devices/${device.id}`)
})

test('a path with double slashes equals the path with single ones', async () => {
  await using own = await startClientLab()
  const { lab, send } = own
  expect((await send(200, 'GET', '//capacity')).capacity.ny5).toBeDefined()
  const servers = [{ facility: 'ny5', plan: 'c3.small.x86', quantity: 2 }]
  const { servers: checked } = await send(200, 'POST', '//capacity', { servers })
  expect(checked).toEqual([{ ...servers[0], quantity: '2', available: true }])
  const batches = [createBody(lab.projectId, { userdata, quantity: 2 })]
  expect((await send(201, 'POST', `//projects/${lab.projectId}/devices/batch`, { batches })).batches).toHaveLength(1)
  const { devices } = await send(200, 'GET', `/${own.devices}?page=1`)
  expect(devices).toHaveLength(2)
})
