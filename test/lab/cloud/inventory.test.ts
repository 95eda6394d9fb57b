// A cloud of hardware: its machines exist, so each device has one of them, and no device has a machine that may still run for another.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { machineId } from '../../../src/lab/cloud/inventory.ts'
import { Hardware } from '../../helpers/hardware.ts'
import {
  bootUrlOf,
  startTestLab,
  type TestLab,
  type TestLabOptions,
  waitForState,
  waitUntil,
} from '../../helpers/lab.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-inventory-'))
afterAll(() => rmSync(folder, { recursive: true }))

const nuc = { plan: 'nuc.small', metro: 'home', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
const noServers = { errors: ["There aren't available servers in that metro"] }
const notProvisionable = { errors: ['Server is not provisionable'] }

/** A rack with two small machines, r1 and r2, and a large one, r3. */
async function start({ pace, facilities = false }: Pick<TestLabOptions, 'pace' | 'facilities'> = {}) {
  const hardware = new Hardware({ r1: 'nuc.small', r2: 'nuc.small', r3: 'server.large' })
  const { driver, inventory, catalogue } = hardware
  const cloudFile = join(folder, `${randomUUID()}.json`)
  const parts = { driver, inventory, catalogue, cloudFile, isLab: false, facilities, pace: { retryMs: 30, ...pace } }
  const lab = await startTestLab(parts)
  return { hardware, lab, parts, cloudFile }
}

const create = async (lab: TestLab, body: object = {}) =>
  await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...nuc, ...body })

const machineOf = (lab: TestLab, id: string) => lab.devices().find((device) => device.id === id)?.machine

async function boot(lab: TestLab, hardware: Hardware, id: string): Promise<void> {
  await waitUntil(
    () => hardware.at(machineOf(lab, id)).starts,
    (starts) => starts > 0,
  )
  await fetch(`${bootUrlOf(lab, id)}/auto.ipxe`)
  await fetch(`${bootUrlOf(lab, id)}/phone-home?type=provisioning.104.01`)
  await waitForState(lab, id, 'active')
}

async function untilGone(lab: TestLab, id: string): Promise<void> {
  await waitUntil(
    async () => (await lab.call('GET', `/devices/${id}`)).status,
    (status) => status === 404,
  )
}

test('messages name the rack, its facility is in its metro, and it forwards no ports', async () => {
  const { lab } = await start()
  await using _ = lab
  const { json } = await create(lab, { hostname: 'box' })
  await waitForState(lab, json.id, 'provisioning')
  expect(lab.lines).toContain('rack: box: queued -> provisioning')
  expect(lab.lines.filter((line) => line.startsWith('lab: '))).toEqual([])
  expect(json.facility.address.address).toBe('home')
  const response = await fetch(new URL(`/lab/devices/${json.id}/forwards`, lab.apiUrl), {
    method: 'POST',
    headers: { 'x-auth-token': lab.token },
    body: JSON.stringify({ port: 22 }),
  })
  expect(await response.json()).toEqual({ errors: ["a rack forwards no ports; connect to the machine's own address"] })
})

describe('a device', () => {
  test('has one machine of its plan, with its MACs, and the address that fetched the script', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    const { json } = await create(lab)
    expect(machineOf(lab, json.id)).toBe('r1')
    expect(json).toMatchObject({
      plan: {
        description: 'Intel i5-7260U, 4 threads, 16 GB',
        specs: { cpus: [{ count: 1, type: 'Intel i5-7260U, 4 threads' }], memory: { total: '16 GB' } },
      },
      metro: { code: 'home' },
      facility: { code: 'home1' },
      hardware_reservation: { href: `/metal/v1/hardware-reservations/${machineId('r1')}` },
      network_ports: [{ name: 'bond0' }, { name: 'eth0', data: { mac: '0c:c4:7a:00:00:01' } }],
    })
    await waitForState(lab, json.id, 'provisioning')
    expect((await lab.call('GET', `/devices/${json.id}`)).json.ip_addresses).toEqual([])
    await boot(lab, hardware, json.id)
    const { json: active } = await lab.call('GET', `/devices/${json.id}`)
    expect(active.ip_addresses).toMatchObject([{ address: '127.0.0.1', address_family: 4, cidr: 32, public: false }])
    const { json: metadata } = await lab.call('GET', `/devices/${json.id}/metadata`)
    expect(JSON.stringify(metadata)).not.toContain('bond0')
    expect(metadata).toMatchObject({
      reserved: true,
      network: {
        interfaces: [{ name: 'eth0', mac: '0c:c4:7a:00:00:01' }],
        network: { bonding: { mode: 0, link_aggregation: 'individual' } },
      },
    })
    const own: unknown = await (await fetch(`${bootUrlOf(lab, json.id)}/metadata`)).json()
    expect(JSON.stringify(own)).not.toContain('bond0')
    expect(own).toMatchObject({
      network: {
        interfaces: [{ name: 'eth0', mac: '0c:c4:7a:00:00:01' }],
        addresses: [{ address: '127.0.0.1' }],
      },
    })

    expect((await lab.call('GET', '/plans')).headers.get('x-metalkit-lab')).toBeNull()
  })

  test('is refused if no machine of its plan is free, in the words of the API', async () => {
    const { lab } = await start()
    await using _ = lab
    await create(lab)
    await create(lab)
    expect(await create(lab)).toMatchObject({ status: 422, json: noServers })
    expect((await create(lab, { plan: 'server.large' })).status).toBe(201)
    expect((await create(lab, { plan: 'c3.small.x86' })).json).toEqual({ errors: ['c3.small.x86 is not a valid plan'] })
    expect((await create(lab, { metro: 'ny' })).json).toEqual({ errors: ['ny is not a valid metro'] })
    expect((await create(lab, { facility: ['home1'] })).status).toBe(422)
  })

  test('gets no machine that is set aside', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    hardware.aside.set('r1', 'it was on when it was first met')
    const { json } = await create(lab)
    expect(machineOf(lab, json.id)).toBe('r2')
    expect(await create(lab)).toMatchObject({ status: 422, json: noServers })
    hardware.aside.delete('r1')
    expect((await create(lab)).status).toBe(201)
  })

  test('may name a facility if the rack allows that', async () => {
    const { lab } = await start({ facilities: true })
    await using _ = lab
    expect((await create(lab, { metro: null, facility: ['home1'] })).status).toBe(201)
    expect((await create(lab, { metro: null, facility: ['ny5'] })).status).toBe(422)
  })

  test('of many that are created at once has a machine of its own', async () => {
    const { lab } = await start()
    await using _ = lab
    const batch = async (quantity: number) =>
      await lab.call('POST', `/projects/${lab.projectId}/devices/batch`, { batches: [{ ...nuc, quantity }] })
    expect(await batch(3)).toMatchObject({ status: 422, json: noServers })
    expect(lab.devices()).toEqual([])
    expect((await batch(2)).status).toBe(201)
    expect(lab.devices().map(({ machine }) => machine)).toEqual(['r1', 'r2'])
  })

  test('of many that are requested at the same time has a machine of its own', async () => {
    const { lab } = await start()
    await using _ = lab
    const answers = await Promise.all(Array.from({ length: 6 }, () => create(lab)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(4)
    expect(new Set(lab.devices().map(({ machine }) => machine)).size).toBe(2)
  })
})

test('capacity is the number of free machines', async () => {
  const { lab, hardware } = await start()
  await using _ = lab
  const capacity = async () => (await lab.call('GET', '/capacity/metros')).json.capacity
  const isAvailable = async (quantity: number) => {
    const servers = [{ metro: 'home', plan: 'nuc.small', quantity }]
    return (await lab.call('POST', '/capacity/metros', { servers })).json.servers[0].available
  }
  expect(await capacity()).toEqual({
    home: {
      'nuc.small': { level: 'limited', available_servers: 2 },
      'server.large': { level: 'limited', available_servers: 1 },
    },
  })
  expect([await isAvailable(2), await isAvailable(3)]).toEqual([true, false])
  hardware.aside.set('r1', 'broken')
  await create(lab)
  expect((await capacity()).home['nuc.small']).toEqual({ level: 'unavailable', available_servers: 0 })
  expect((await lab.call('GET', '/capacity')).json.capacity.home1['nuc.small']).toEqual({ level: 'unavailable' })
  expect(await isAvailable(1)).toBe(false)
})

test('the catalogue is that of the rack', async () => {
  const { lab } = await start()
  await using _ = lab
  const slugs = async (path: string, key: string, field: string) =>
    (await lab.call('GET', path)).json[key].map((item: Record<string, string>) => item[field])
  expect(await slugs('/plans', 'plans', 'slug')).toEqual(['nuc.small', 'server.large'])
  expect(await slugs('/locations/metros', 'metros', 'code')).toEqual(['home'])
  expect(await slugs('/facilities', 'facilities', 'code')).toEqual(['home1'])
  expect(await slugs('/operating-systems', 'operating_systems', 'slug')).toEqual(['custom_ipxe'])
  const { json } = await create(lab)
  const full = await lab.call('GET', `/devices/${json.id}?include=hardware_reservation`)
  expect(full.json).toMatchObject({ hardware_reservation: { name: 'r1' } })
})

test('a rack calls itself a rack', async () => {
  const { lab } = await start()
  await using _ = lab
  const { json: project } = await lab.call('GET', `/projects/${lab.projectId}`)
  expect(project).toMatchObject({ name: 'rack', organization: { name: 'rack' } })
  expect((await lab.call('DELETE', `/projects/${lab.projectId}`)).json.errors).toEqual([
    "Cannot delete the rack's own project",
  ])
  const { json: keys } = await lab.call('GET', '/ssh-keys')
  expect(keys.ssh_keys.map(({ label }: { label: string }) => label)).toEqual(['metalkit rack'])
})

test('a rack reserves no addresses: they are those of the DHCP server', async () => {
  const { lab } = await start()
  await using _ = lab
  const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/ips`, {
    type: 'public_ipv4',
    quantity: 1,
    metro: 'home',
  })
  expect([status, json]).toEqual([422, { errors: ['There are no 1 public_ipv4 addresses left'] }])
})

/** A batch for each id of a machine. */
const batches = (...ids: (string | null)[]) => ({
  batches: ids.map((id) => ({ ...nuc, hardware_reservation_id: id })),
})

describe('a hardware reservation', () => {
  test('is each machine, by the id that a create request can name', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    hardware.aside.set('r2', 'broken')
    const path = `/projects/${lab.projectId}/hardware-reservations`
    const { json: list } = await lab.call('GET', path)
    expect(list.meta.total).toBe(3)
    expect(list.hardware_reservations).toMatchObject([
      { id: machineId('r1'), name: 'r1', plan: { slug: 'nuc.small' }, provisionable: true, need_of_service: false },
      { name: 'r2', provisionable: false, need_of_service: true, why: 'broken' },
      { name: 'r3', plan: { slug: 'server.large' }, provisionable: true },
    ])
    const named = { hardware_reservation_id: machineId('r3'), plan: 'server.large' }
    const { json: device } = await create(lab, named)
    expect(machineOf(lab, device.id)).toBe('r3')
    const { json: taken } = await lab.call(
      'GET',
      `/hardware-reservations/${machineId('r3')}?include=project,facility,device`,
    )
    expect(taken).toMatchObject({ provisionable: false, device: { id: device.id, state: 'queued' } })
    const names = async (query: string) =>
      (await lab.call('GET', `${path}?${query}`)).json.hardware_reservations.map(({ name }: { name: string }) => name)
    expect(await names('provisionable=only')).toEqual(['r1'])
    expect(await names('state=need_of_service')).toEqual(['r2'])
    expect(await names('state=spare')).toEqual([])
    expect(await names(`query=${device.hostname}`)).toEqual(['r3'])
    expect(await names('query=SERVER')).toEqual(['r3'])
    expect((await lab.call('GET', `/hardware-reservations/${randomUUID()}`)).status).toBe(404)
    expect((await lab.call('GET', '/devices?reserved=true')).status).toBe(404)
    expect((await lab.call('GET', `/projects/${lab.projectId}/devices?reserved=true`)).json.meta.total).toBe(1)
    expect((await lab.call('GET', `/projects/${lab.projectId}/devices?reserved=false`)).json.meta.total).toBe(0)
  })

  test('belongs to every project, but shows no device of another', async () => {
    const { lab } = await start()
    await using _ = lab
    const { json: device } = await create(lab)
    const { json: project } = await lab.call('POST', '/projects', { name: 'second' })
    const { json: key } = await lab.call('POST', `/projects/${project.id}/api-keys`, { description: 'ci' })
    const as = { 'x-auth-token': key.token }
    const list = await lab.call('GET', `/projects/${project.id}/hardware-reservations`, undefined, as)
    expect(list.json.meta.total).toBe(3)
    const path = `/hardware-reservations/${machineId('r1')}?include=device`
    const { json: taken } = await lab.call('GET', path, undefined, as)
    expect(taken).toMatchObject({ provisionable: false, device: { href: `/metal/v1/devices/${device.id}` } })
    expect(taken.device.hostname).toBeUndefined()
  })

  test('is refused if it is not free, of another plan, or unknown', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    const by = async (id: string, body: object = {}) => await create(lab, { hardware_reservation_id: id, ...body })
    expect((await by(machineId('r2'))).status).toBe(201)
    expect(await by(machineId('r2'))).toMatchObject({ status: 422, json: notProvisionable })
    hardware.aside.set('r1', 'broken')
    expect(await by(machineId('r1'))).toMatchObject({ status: 422, json: notProvisionable })
    expect((await by('next-available')).json).toEqual({ errors: ['There are no available hardware reservations'] })
    hardware.aside.clear()
    const { json } = await by('next-available')
    expect(machineOf(lab, json.id)).toBe('r1')
    const other = await by(machineId('r3'))
    expect(other.json.errors).toEqual([`The plan of the hardware reservation ${machineId('r3')} is server.large`])
    const unknown = randomUUID()
    expect((await by(unknown)).json.errors).toEqual([`${unknown} is not a valid hardware reservation`])
    expect(lab.devices()).toHaveLength(2)
  })

  test('goes to one device of a batch, and the others get other machines', async () => {
    const { lab } = await start()
    await using _ = lab
    const path = `/projects/${lab.projectId}/devices/batch`
    const twice = await lab.call('POST', path, batches(machineId('r1'), machineId('r1')))
    expect(twice).toMatchObject({ status: 422, json: notProvisionable })
    expect((await lab.call('POST', path, batches(null, machineId('r1')))).status).toBe(201)
    expect(lab.devices().map(({ machine }) => machine)).toEqual(['r2', 'r1'])
  })
})

describe('a machine that may be on is not free', () => {
  test('after its device was deleted, until it is off and discarded', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    const { json } = await create(lab, { plan: 'server.large' })
    await boot(lab, hardware, json.id)
    hardware.at('r3').isSilent = true
    await lab.call('DELETE', `/devices/${json.id}`)
    await lab.call('DELETE', `/devices/${json.id}`)
    expect(await create(lab, { plan: 'server.large' })).toMatchObject({ status: 422, json: noServers })
    const { json: batch } = await lab.call('GET', `/hardware-reservations/${machineId('r3')}`)
    expect(batch).toMatchObject({ provisionable: false, device: { href: `/metal/v1/devices/${json.id}` } })
    hardware.at('r3').isSilent = false
    await untilGone(lab, json.id)
    expect([hardware.at('r3').isOn, hardware.at('r3').freed]).toEqual([false, 1])
    expect((await create(lab, { plan: 'server.large' })).status).toBe(201)
  })

  test('after its device failed: the device stays until the machine is off, then it is taken back', async () => {
    const { lab, hardware } = await start({ pace: { failedMs: 50, forbiddenMs: 50 } })
    await using _ = lab
    hardware.at('r3').losesAnswers = true
    const { json } = await create(lab, { plan: 'server.large' })
    await waitForState(lab, json.id, 'failed')
    await waitUntil(
      () => lab.lines,
      (lines) => lines.some((line) => line.includes('the state of the machine is not known')),
    )
    await waitUntil(
      () => Date.parse(lab.devices()[0]?.failedAt ?? ''),
      (failedMs) => Date.now() > failedMs + 500,
    )
    expect((await lab.call('GET', `/devices/${json.id}`)).json.state).toBe('failed')
    expect(hardware.at('r3').isOn).toBe(true)
    expect(await create(lab, { plan: 'server.large' })).toMatchObject({ status: 422, json: noServers })
    hardware.at('r3').isSilent = false
    await untilGone(lab, json.id)
    expect([hardware.at('r3').isOn, hardware.at('r3').freed]).toEqual([false, 1])
    expect((await create(lab, { plan: 'server.large' })).status).toBe(201)
  })

  test('when its device is deleted while it is provisioned', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    const { json } = await create(lab, { plan: 'server.large' })
    await waitUntil(
      () => hardware.at('r3').isOn,
      (isOn) => isOn,
    )
    expect((await lab.call('GET', `/devices/${json.id}`)).json.state).toBe('provisioning')
    hardware.at('r3').isSilent = true
    expect((await lab.call('DELETE', `/devices/${json.id}`)).status).toBe(204)
    expect(await create(lab, { plan: 'server.large' })).toMatchObject({ status: 422, json: noServers })
    hardware.at('r3').isSilent = false
    await untilGone(lab, json.id)
    expect([hardware.at('r3').isOn, hardware.at('r3').freed]).toEqual([false, 1])
    expect((await create(lab, { plan: 'server.large' })).status).toBe(201)
  })

  test('after its project was deleted with its device', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    const { json: project } = await lab.call('POST', '/projects', { name: 'second' })
    const body = { ...nuc, plan: 'server.large' }
    const { json } = await lab.call('POST', `/projects/${project.id}/devices`, body)
    await boot(lab, hardware, json.id)
    hardware.at('r3').isSilent = true
    await lab.call('DELETE', `/devices/${json.id}?force_delete=true`)
    expect((await lab.call('DELETE', `/projects/${project.id}`)).status).toBe(204)
    expect(await create(lab, { plan: 'server.large' })).toMatchObject({ status: 422, json: noServers })
    hardware.at('r3').isSilent = false
    await untilGone(lab, json.id)
  })

  test('while its device is reinstalled: the machine is switched off, and stays with the device', async () => {
    const { lab, hardware } = await start()
    await using _ = lab
    const { json } = await create(lab, { plan: 'server.large' })
    await boot(lab, hardware, json.id)
    await lab.call('POST', `/devices/${json.id}/actions`, { type: 'reinstall' })
    await waitUntil(
      () => hardware.at('r3').starts,
      (starts) => starts === 2,
    )
    expect([hardware.at('r3').ends, hardware.at('r3').freed]).toEqual([1, 0])
  })

  test('in the next rack, with the MACs of the file', async () => {
    const { lab, hardware, parts } = await start()
    const { json } = await create(lab)
    await boot(lab, hardware, json.id)
    await lab[Symbol.asyncDispose]()
    const machines = parts.inventory.machines.map((machine) =>
      machine.name === 'r1' ? { ...machine, macs: ['0c:c4:7a:00:00:99'] as const } : machine,
    )
    await using next = await startTestLab({ ...parts, inventory: { ...parts.inventory, machines } })
    await waitForState(next, json.id, 'active')
    const [device] = next.devices()
    expect(device).toMatchObject({ machine: 'r1', macs: ['0c:c4:7a:00:00:99'], address: '127.0.0.1' })
    expect((await create(next)).json.network_ports[1].data.mac).toBe('0c:c4:7a:00:00:02')
    expect(await create(next)).toMatchObject({ status: 422, json: noServers })
    expect([hardware.at('r1').starts, hardware.at('r1').isOn]).toEqual([1, true])
  })
})

/** The state of a rack with one device on r1, changed as the test says. */
async function saved(change: (device: Record<string, unknown>) => object = () => ({})) {
  const own = await start()
  await create(own.lab, { hostname: 'box' })
  await own.lab[Symbol.asyncDispose]()
  const state = JSON.parse(readFileSync(own.cloudFile, 'utf8'))
  state.devices = state.devices.map((device: Record<string, unknown>) => ({ ...device, ...change(device) }))
  writeFileSync(own.cloudFile, JSON.stringify(state))
  return own
}

describe('a saved device is not lost', () => {
  test('if its machine is no longer in the file: the rack does not start', async () => {
    const { parts, cloudFile } = await saved()
    const before = readFileSync(cloudFile, 'utf8')
    const machines = parts.inventory.machines.filter(({ name }) => name !== 'r1')
    const without = startTestLab({ ...parts, inventory: { ...parts.inventory, machines } })
    await expect(without).rejects.toMatchObject({
      message: `the rack's state in "${cloudFile}" cannot be used: its device "box" has the machine "r1", which is not in the rack file`,
      hint: 'put "r1" back into the file until the device is deleted, or start this rack with another --name',
    })
    expect(readFileSync(cloudFile, 'utf8')).toBe(before)
  })

  test('if its name is that of another machine by now: the rack does not start', async () => {
    const { parts, cloudFile } = await saved()
    const [first, second, ...others] = parts.inventory.machines
    if (first === undefined || second === undefined) throw new Error('too few machines')
    const machines = [{ ...first, macs: second.macs }, { ...second, macs: first.macs }, ...others]
    await expect(startTestLab({ ...parts, inventory: { ...parts.inventory, machines } })).rejects.toMatchObject({
      message: `the rack's state in "${cloudFile}" cannot be used: its device "box" has the machine "r1", whose MAC address is now that of "${second.name}" in the rack file`,
    })
  })

  test('if its plan is no longer in the file', async () => {
    const { parts } = await saved()
    const plans = parts.catalogue.plans.filter(({ slug }) => slug !== 'nuc.small')
    await expect(startTestLab({ ...parts, catalogue: { ...parts.catalogue, plans } })).rejects.toThrow(
      'its device "box" has the plan "nuc.small", which the rack does not have',
    )
  })

  test('if a lab opens the state of a rack, or a rack that of a lab', async () => {
    const { cloudFile } = await saved()
    await expect(startTestLab({ cloudFile })).rejects.toThrow('its device "box" has the machine "r1" of a rack')
    const { parts } = await saved(() => ({ machine: undefined }))
    await expect(startTestLab(parts)).rejects.toThrow('its device "box" has a machine of a lab')
  })

  test('if a newer metalkit wrote it', async () => {
    const { parts, cloudFile } = await saved()
    const state = JSON.parse(readFileSync(cloudFile, 'utf8'))
    writeFileSync(cloudFile, JSON.stringify({ ...state, version: 99 }))
    await expect(startTestLab(parts)).rejects.toMatchObject({
      hint: 'use the metalkit that wrote it, or start this rack with another --name',
    })
  })

  test('if another has the same machine', async () => {
    const { parts, cloudFile } = await saved()
    const state = JSON.parse(readFileSync(cloudFile, 'utf8'))
    state.devices.push({ ...state.devices[0], id: randomUUID(), hostname: 'copy' })
    writeFileSync(cloudFile, JSON.stringify(state))
    await expect(startTestLab(parts)).rejects.toThrow('its device "copy" and "box" both have the machine "r1"')
  })
})
