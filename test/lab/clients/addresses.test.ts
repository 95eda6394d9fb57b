// Reserved addresses, as packngo's acceptance tests, Terraform's reserved_ip_block and ip_attachment, and Libcloud use them.
import { describe, expect, test } from 'vitest'

import { bootUrlOf, startTestLab } from '../../helpers/lab.ts'
import { type ClientLab, startClientLab, userdata } from './client.ts'

const device = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata }

async function reserve({ send, lab }: ClientLab, body: object) {
  return await send(201, 'POST', `/projects/${lab.projectId}/ips`, { type: 'public_ipv4', quantity: 1, ...body })
}

test('a block is reserved, annotated, listed, read and deleted, as packngo does', async () => {
  await using own = await startClientLab()
  const { send } = own
  const { id: project } = await send(201, 'POST', '/projects', { name: 'PACKNGO_TEST' })
  const path = `/projects/${project}/ips`
  expect((await send(200, 'GET', path)).ip_addresses).toEqual([])
  const custom = { custom1: 'data', custom2: { nested: 'data' } }
  const body = { type: 'public_ipv4', facility: 'ny5', customdata: custom, tags: ['Tag1', 'Tag2'] }
  const block = await send(201, 'POST', path, { ...body, quantity: 2, fail_on_approval_required: true })
  expect(block).toMatchObject({
    cidr: 31,
    netmask: '255.255.255.254',
    address: expect.stringMatching(/^198\.51\.100\.\d+$/),
    management: false,
    global_ip: false,
    facility: { code: 'ny5' },
    metro: { code: 'ny' },
    customdata: custom,
    tags: ['Tag1', 'Tag2'],
    project: { href: `/metal/v1/projects/${project}` },
    assignments: [],
  })
  expect((await send(200, 'GET', path)).ip_addresses).toEqual([block])
  expect(await send(200, 'GET', `/ips/${block.id}`)).toEqual(block)
  expect((await send(200, 'GET', `/ips/${block.id}/available?cidr=32`)).available).toEqual([
    `${block.address}/32`,
    block.address.replace(/\d+$/, (last: string) => `${Number(last) + 1}/32`),
  ])
  const change = { tags: ['new'], details: 'for the web', customdata: { a: 1 } }
  expect(await send(200, 'PATCH', `/ips/${block.id}`, change)).toMatchObject(change)
  expect(await send(200, 'GET', `/ips/${block.id}/customdata`)).toEqual({ a: 1 })
  await send(204, 'DELETE', `/ips/${block.id}`)
  await send(404, 'GET', `/ips/${block.id}`)
})

test.each<[type: string, quantity: number, address: RegExp, cidr: number]>([
  ['public_ipv4', 1, /^198\.51\.100\./, 32],
  ['public_ipv4', 16, /^198\.51\.100\./, 28],
  ['global_ipv4', 4, /^192\.0\.2\./, 30],
  ['private_ipv4', 128, /^10\.67\./, 25],
  ['public_ipv6', 1, /^2001:db8:1:/, 64],
])('%s, %i of them', async (type, quantity, address, cidr) => {
  await using own = await startClientLab()
  const blocks = [
    await reserve(own, { type, quantity, metro: 'ny' }),
    await reserve(own, { type, quantity, metro: 'am' }),
  ]
  for (const block of blocks) {
    expect(block).toMatchObject({ type, cidr, address: expect.stringMatching(address) })
    expect(block.global_ip).toBe(type === 'global_ipv4')
  }
  expect(blocks[0].address).not.toBe(blocks[1].address)
  const path = `/projects/${own.lab.projectId}/ips`
  expect((await own.send(200, 'GET', `${path}?type=${type}`)).ip_addresses).toHaveLength(2)
  expect((await own.send(200, 'GET', `${path}?types=vrf`)).ip_addresses).toEqual([])
})

test('an address is assigned to a device, appears on it and in its metadata, and is released', async () => {
  await using own = await startClientLab()
  const { send, lab } = own
  const block = await reserve(own, { quantity: 2, metro: 'NY', details: 'web' })
  const machine = await own.createActive(device)
  const given = await send(201, 'POST', `/devices/${machine.id}/ips`, {
    address: `${block.address}/32`,
    manageable: true,
  })
  expect(given).toMatchObject({
    address: block.address,
    cidr: 32,
    netmask: '255.255.255.255',
    management: false,
    assigned_to: { href: machine.href },
    parent_block: { network: block.address, cidr: 31, href: block.href },
  })
  expect(await send(200, 'GET', `/ips/${given.id}`)).toEqual(given)
  expect((await send(200, 'GET', `/devices/${machine.id}`)).ip_addresses).toContainEqual(given)
  expect((await send(200, 'GET', `/devices/${machine.id}/ips`)).ip_addresses).toHaveLength(4)
  expect((await send(200, 'GET', `/ips/${block.id}`)).assignments).toEqual([{ href: given.href }])
  expect((await send(200, 'GET', `/ips/${block.id}?include=assignments`)).assignments[0].address).toBe(block.address)
  expect((await send(200, 'GET', `/ips/${block.id}/available?cidr=32`)).available).toHaveLength(1)
  const metadata = await (await fetch(`${bootUrlOf(lab, machine.id)}/metadata`)).json()
  expect(metadata).toMatchObject({ network: { addresses: expect.arrayContaining([given]) } })
  expect(await send(422, 'DELETE', `/ips/${block.id}`)).toEqual({
    errors: ['Cannot delete a reservation with assigned addresses'],
  })
  await send(204, 'DELETE', `/ips/${given.id}`)
  await send(404, 'GET', `/ips/${given.id}`)
  await send(201, 'POST', `/devices/${machine.id}/ips?address=${block.address}`)
  await send(204, 'DELETE', `/devices/${machine.id}`)
  // packngo's acceptance tests delete the reservation at once, while the device is still deprovisioning.
  await send(204, 'DELETE', `/ips/${block.id}`)
})

test('a device is created with a reservation', async () => {
  await using own = await startClientLab()
  const block = await reserve(own, { quantity: 4, metro: 'ny' })
  const wanted = [
    { address_family: 4, public: true, cidr: 31, ip_reservations: [block.id] },
    { address_family: 4, public: false, cidr: 31 },
  ]
  const { id, ip_addresses: given } = await own.createActive({ ...device, ip_addresses: wanted })
  expect(given).toHaveLength(3)
  expect(given[2]).toMatchObject({ address: block.address, cidr: 30, parent_block: { href: block.href } })
  expect(await own.send(422, 'POST', own.devices, { ...device, ip_addresses: wanted })).toEqual({
    errors: [`${block.address}/30 is not available`],
  })
  const unknown = [{ ...wanted[0], ip_reservations: [id] }, wanted[1]]
  expect(await own.send(422, 'POST', own.devices, { ...device, ip_addresses: unknown })).toEqual({
    errors: [`${id} is not a valid IP reservation`],
  })
  const other = await reserve(own, { metro: 'ny' })
  const body = { ...device, quantity: 2, ip_addresses: [{ ...wanted[0], ip_reservations: [other.id] }, wanted[1]] }
  expect(await own.send(422, 'POST', `${own.devices}/batch`, { batches: [body] })).toEqual({
    errors: [`${other.address}/32 is not available`],
  })
  const elsewhere = { ...device, metro: 'am', ip_addresses: body.ip_addresses }
  await own.send(422, 'POST', own.devices, elsewhere)
})

describe('refused', () => {
  test.each<[body: object, error: string]>([
    [{ quantity: 3, metro: 'ny' }, 'Quantity must be a power of two, at most 256'],
    [{ quantity: 512, metro: 'ny' }, 'Quantity must be a power of two, at most 256'],
    [{ quantity: undefined, metro: 'ny' }, 'quantity is invalid'],
    [{ type: 'vrf', metro: 'ny' }, 'type is invalid'],
    [{}, "Metro can't be blank"],
    [{ metro: 'zz' }, 'zz is not a valid metro'],
    [{ facility: 'zz9' }, 'zz9 is not a valid facility'],
  ])('the reservation %j', async (body, error) => {
    await using own = await startClientLab()
    const wanted = { type: 'public_ipv4', quantity: 1, ...body }
    expect(await own.send(422, 'POST', `/projects/${own.lab.projectId}/ips`, wanted)).toEqual({ errors: [error] })
  })

  test('a reservation beyond the available addresses', async () => {
    await using own = await startClientLab()
    const unapproved = { type: 'public_ipv4', quantity: 256, facility: 'ny5', fail_on_approval_required: true }
    expect(await own.send(422, 'POST', `/projects/${own.lab.projectId}/ips`, unapproved)).toEqual({
      errors: ['A reservation of 256 addresses needs an approval'],
    })
    await reserve(own, { quantity: 256, metro: 'ny' })
    const more = { type: 'public_ipv4', quantity: 2, metro: 'ny' }
    expect(await own.send(422, 'POST', `/projects/${own.lab.projectId}/ips`, more)).toEqual({
      errors: ['There are no 2 public_ipv4 addresses left'],
    })
  })

  test('addresses that are invalid, of another project, in another metro, or taken', async () => {
    await using own = await startClientLab()
    const { id, ip_addresses: first } = await own.createActive(device)
    const elsewhere = await reserve(own, { metro: 'am' })
    const here = await reserve(own, { quantity: 2, metro: 'ny' })
    const global = await reserve(own, { type: 'global_ipv4' })
    const give = (status: number, address: string) => own.send(status, 'POST', `/devices/${id}/ips`, { address })
    await give(201, `${here.address}/31`)
    await give(201, global.address)
    for (const address of ['nonsense', '1.2.3.4/33', '198.51.100.1/31', '::1%lo', '1.2.3.4/8/8']) {
      expect(await give(422, address)).toEqual({ errors: [`${address} is not a valid address`] })
    }
    for (const address of [elsewhere.address, here.address, global.address, '203.0.113.1', '2001:db8::1']) {
      expect(await give(422, address)).toEqual({ errors: [`${address} is not available`] })
    }
    const management = { errors: ['A management address belongs to its device'] }
    expect(await own.send(422, 'DELETE', `/ips/${first[0].id}`)).toEqual(management)
    expect(await own.send(422, 'PATCH', `/ips/${first[0].id}`, { tags: [] })).toEqual(management)
    await own.send(404, 'DELETE', '/ips/none')
    await own.send(422, 'GET', `/ips/${here.id}/available`)
    expect((await own.send(200, 'GET', `/ips/${here.id}/available?cidr=24`)).available).toEqual([])
  })
})

test('reservations and assignments outlive the lab', async () => {
  await using first = await startTestLab()
  const options = { stateFolder: first.stateFolder, cloudFile: `${first.stateFolder}/kept.json` }
  let block: { id: string; address: string }
  {
    await using own = await startClientLab(options)
    block = await reserve(own, { type: 'public_ipv6', metro: 'ny' })
    const { id } = await own.createActive(device)
    await own.send(201, 'POST', `/devices/${id}/ips`, { address: `${block.address}/128` })
    block = await own.send(200, 'GET', `/ips/${block.id}`)
  }
  await using own = await startClientLab(options)
  expect(await own.send(200, 'GET', `/ips/${block.id}`)).toEqual(block)
})
