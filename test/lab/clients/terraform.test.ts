// terraform-provider-metal and terraform-provider-equinix: if they read back other values than they sent, they recreate the resource.
import { expect, test } from 'vitest'

import { publicKey, startClientLab, userdata } from './client.ts'

const device = {
  hostname: 'tf',
  plan: 'c3.small.x86',
  metro: 'sv',
  operating_system: 'custom_ipxe',
  billing_cycle: 'hourly',
  userdata,
}

test('storage is null, as in a configuration without it', async () => {
  await using own = await startClientLab()
  const { id, storage } = await own.send(201, 'POST', own.devices, device)
  expect(storage).toBeNull()
  expect((await own.send(200, 'GET', `/devices/${id}?include=project,facility`)).storage).toBeNull()
})

test('a key has an owner, and its exact text', async () => {
  await using own = await startClientLab()
  const { json: user } = await own.lab.call('GET', '/user')
  for (const [path, owner] of [
    ['/ssh-keys', `/metal/v1/users/${user.id}`],
    [`/projects/${own.lab.projectId}/ssh-keys`, `/metal/v1/projects/${own.lab.projectId}`],
  ] as const) {
    const key = `${publicKey(path)}\n`
    const created = await own.send(201, 'POST', path, { label: 'tf', key })
    expect(created).toMatchObject({ key, owner: { href: owner } })
    expect(await own.send(200, 'GET', `/ssh-keys/${created.id}`)).toEqual(created)
    const machine = await own.createActive(device)
    const { ssh_keys: lines } = await own.send(200, 'GET', `/devices/${machine.id}/metadata`)
    expect(lines).toContain(key.trim())
  }
})

test('a key is replaced by PATCH', async () => {
  await using own = await startClientLab()
  const first = await own.send(201, 'POST', '/ssh-keys', { label: 'tf', key: publicKey('first') })
  const key = `${publicKey('second')}\n`
  const second = await own.send(200, 'PATCH', `/ssh-keys/${first.id}`, { key })
  expect(second).toMatchObject({ id: first.id, label: 'tf', key, created_at: first.created_at })
  expect(second.fingerprint).not.toBe(first.fingerprint)
  await own.send(201, 'POST', '/ssh-keys', { label: 'other', key: publicKey('first') })
  const refusal = await own.send(422, 'PATCH', `/ssh-keys/${first.id}`, { key: publicKey('first') })
  expect(refusal).toEqual({ errors: ['Fingerprint has already been taken'] })
  expect(await own.send(422, 'PATCH', `/ssh-keys/${first.id}`, { key: 'nonsense' })).toEqual({
    errors: ['Key is invalid'],
  })
})

test('customdata is sent as a string of JSON and read as an object', async () => {
  await using own = await startClientLab()
  const { id, customdata } = await own.send(201, 'POST', own.devices, { ...device, customdata: '{"message": "hello"}' })
  expect(customdata).toEqual({ message: 'hello' })
  const changed = await own.send(200, 'PUT', `/devices/${id}`, { customdata: '{"message":"bye"}' })
  expect(changed.customdata).toEqual({ message: 'bye' })
  for (const wrong of ['{"message"', '"text"', 'null']) {
    const refusal = await own.send(422, 'PUT', `/devices/${id}`, { customdata: wrong })
    expect(refusal).toEqual({ errors: ['customdata is invalid'] })
  }
})

test('an active device has a root password, which a reinstallation changes', async () => {
  await using own = await startClientLab({ pace: { queuedMs: 200 } })
  const fresh = await own.send(201, 'POST', own.devices, device)
  expect(fresh).not.toHaveProperty('root_password')
  const active = await own.createActive(device)
  expect(active.root_password).toMatch(/^[a-z0-9]{12}$/)
  await own.send(202, 'POST', `/devices/${active.id}/actions`, { type: 'reinstall', preserve_data: false })
  await expect
    .poll(async () => (await own.send(200, 'GET', `/devices/${active.id}`)).root_password ?? active.root_password, {
      timeout: 60_000,
    })
    .not.toBe(active.root_password)
})

test('a spot instance stays one; its price is a number or a string', async () => {
  await using own = await startClientLab()
  for (const price of [0.5, '0.5']) {
    const body = { ...device, spot_instance: true, spot_price_max: price }
    const { id } = await own.send(201, 'POST', own.devices, body)
    expect(await own.send(200, 'GET', `/devices/${id}`)).toMatchObject({ spot_instance: true, spot_price_max: 0.5 })
    expect((await own.send(200, 'PUT', `/devices/${id}`, { spot_instance: false })).spot_instance).toBe(false)
  }
})

test('only the requested addresses are assigned', async () => {
  await using own = await startClientLab()
  const kindsOf = async (wanted: object[]) => {
    const { ip_addresses: given, id } = await own.createActive({ ...device, ip_addresses: wanted })
    const { network } = await own.send(200, 'GET', `/devices/${id}/metadata`)
    expect(network.addresses).toHaveLength(given.length)
    return given.map((one: { public: boolean; address_family: number }) => [one.address_family, one.public])
  }
  const privateOnly = { address_family: 4, public: false, cidr: 31 }
  expect(await kindsOf([privateOnly])).toEqual([[4, false]])
  expect(await kindsOf([privateOnly, { address_family: 4, public: true, cidr: 31 }])).toEqual([
    [4, true],
    [4, false],
  ])
  expect(await kindsOf([])).toHaveLength(3)
  const without = { ...device, ip_addresses: [{ address_family: 4, public: true }] }
  expect(await own.send(422, 'POST', own.devices, without)).toEqual({
    errors: ['ip_addresses must include a private IPv4 address'],
  })
})

function withReservation(id: string) {
  return { ...device, hardware_reservation_id: id }
}

test('a hardware reservation is refused, and a missing one is null', async () => {
  await using own = await startClientLab()
  expect(await own.send(422, 'POST', own.devices, withReservation('next-available'))).toEqual({
    errors: ['There are no available hardware reservations'],
  })
  await own.send(422, 'POST', own.devices, withReservation('00000000-0000-4000-8000-000000000000'))
  await own.send(201, 'POST', own.devices, withReservation(''))
})

test('times are in whole seconds', async () => {
  await using own = await startClientLab()
  const end = '2099-01-01T00:00:00.25Z'
  const created = await own.send(201, 'POST', own.devices, { ...device, termination_time: end })
  expect(created.termination_time).toBe('2099-01-01T00:00:00Z')
  expect(created.created_at).toMatch(/:\d\dZ$/)
})
