// Machines that outlast the lab, behind a BMC that may be silent: the state of a device follows its machine.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { LabError } from '../../../src/errors.ts'
import { quickPace } from '../../../src/lab/cloud/pace.ts'
import { takeGround } from '../../../src/lab/ground.ts'
import { startLab } from '../../../src/lab/lab.ts'
import { Server } from '../../helpers/hardware.ts'
import { startTestLab, type TestLab, waitForState, waitUntil } from '../../helpers/lab.ts'
import { createRecorder } from '../../helpers/recorder.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-hardware-'))
afterAll(() => rmSync(folder, { recursive: true }))

const body = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }

/** Labs, one after another, for one server and one saved state. */
async function start(pace: object = {}, equip: (server: Server) => void = () => {}) {
  const server = new Server()
  equip(server)
  const parts = {
    driver: server.driver,
    cloudFile: join(folder, `${randomUUID()}.json`),
    pace: { retryMs: 30, ...pace },
  }
  const open = async () => await startTestLab(parts)
  const lab = await open()
  const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  return { server, lab, open, parts, id: String(json.id) }
}

/** Creates a device and boots it. */
async function startActive(pace: object = {}, equip?: (server: Server) => void) {
  const own = await start(pace, equip)
  const { lab, id } = own
  await waitUntil(
    () => own.server.starts,
    (starts) => starts === 1,
  )
  const bootKey = lab.devices().find((device) => device.id === id)?.bootKey
  await fetch(`${new URL(lab.apiUrl).origin}/boot/${bootKey}/phone-home?type=provisioning.104.01`)
  await waitForState(lab, id, 'active')
  return own
}

async function eventsOf(lab: TestLab, id: string): Promise<string[]> {
  const { json } = await lab.call('GET', `/devices/${id}/events?per_page=100`)
  return json.events.map(({ body: text }: { body: string }) => text)
}

const stateOf = async (lab: TestLab, id: string) => (await lab.call('GET', `/devices/${id}`)).json.state

test('a machine whose BMC is silent is not called off before it is seen to be off', async () => {
  const { server, lab, id } = await startActive()
  await using _ = lab
  server.isSilent = true
  await lab.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  await waitUntil(
    async () => await eventsOf(lab, id),
    (texts) => texts[0] === 'the machine did not switch off: lab: the BMC does not answer',
  )
  expect(await stateOf(lab, id)).toBe('powering_off')
  expect(server.isOn).toBe(true)
  server.isSilent = false
  await waitForState(lab, id, 'inactive')
  expect(server.isOn).toBe(false)
})

test('a deleted device is gone only once its machine is off and free', async () => {
  const { server, lab, id } = await startActive()
  await using _ = lab
  server.isSilent = true
  expect((await lab.call('DELETE', `/devices/${id}`)).status).toBe(204)
  await waitUntil(
    async () => await eventsOf(lab, id),
    (texts) => texts[0]?.includes('the BMC does not answer') === true,
  )
  expect(await stateOf(lab, id)).toBe('deprovisioning')
  expect([server.isOn, server.freed]).toEqual([true, 0])
  server.isSilent = false
  await waitUntil(
    async () => (await lab.call('GET', `/devices/${id}`)).status,
    (status) => status === 404,
  )
  expect([server.isOn, server.freed]).toEqual([false, 1])
})

test('a device that is deleted while its machine goes off stays deprovisioning until it is gone', async () => {
  const { server, lab, id } = await startActive()
  await using _ = lab
  server.isSlow = true
  await lab.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  await waitUntil(
    () => server.ends,
    (ends) => ends === 1,
  )
  expect((await lab.call('DELETE', `/devices/${id}`)).status).toBe(204)
  server.isSlow = false
  await waitUntil(
    async () => (await lab.call('GET', `/devices/${id}`)).status,
    (status) => status === 404,
  )
  expect([server.isOn, server.freed]).toEqual([false, 1])
  const states = lab.lines.filter((line) => line.includes(' -> ')).map((line) => line.replace(/.*: /, ''))
  expect(states.slice(-2)).toEqual(['powering_off -> deprovisioning', 'deprovisioning -> deleted'])
})

test('the end of the lab is not the end of its machines: the next lab finds them', async () => {
  const { server, lab, open, id } = await startActive()
  await lab[Symbol.asyncDispose]()
  expect(server.isOn).toBe(true)
  await using next = await open()
  expect(await stateOf(next, id)).toBe('active')
  await next.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  await waitForState(next, id, 'inactive')
  expect([server.isOn, server.starts]).toEqual([false, 1])
})

test('a machine that went off between two labs is off', async () => {
  const { server, lab, open, id } = await startActive()
  await lab[Symbol.asyncDispose]()
  server.powerOff()
  await using next = await open()
  await waitForState(next, id, 'inactive')
})

test('a device whose BMC is silent at the start of a lab keeps its state until the BMC answers', async () => {
  const { server, lab, open, id } = await startActive()
  await lab[Symbol.asyncDispose]()
  server.isSilent = true
  server.powerOff()
  await using next = await open()
  await waitUntil(
    async () => await eventsOf(next, id),
    (texts) => texts[0] === 'the state of the machine is not known: lab: the BMC does not answer',
  )
  expect(await stateOf(next, id)).toBe('active')
  server.isSilent = false
  await waitForState(next, id, 'inactive')
})

test('a device that is deleted while the state of its machine is not known is gone only once the machine is off', async () => {
  const { server, lab, open, id } = await startActive()
  await lab[Symbol.asyncDispose]()
  server.isSilent = true
  await using next = await open()
  await waitUntil(
    async () => await eventsOf(next, id),
    (texts) => texts[0]?.includes('the BMC does not answer') === true,
  )
  expect((await next.call('DELETE', `/devices/${id}`)).status).toBe(204)
  server.isSilent = false
  await waitUntil(
    async () => (await next.call('GET', `/devices/${id}`)).status,
    (status) => status === 404,
  )
  expect([server.isOn, server.freed]).toEqual([false, 1])
})

test('a device whose project was deleted with it is still deleted by the next lab', async () => {
  const { server, lab, open } = await start()
  const { json: project } = await lab.call('POST', '/projects', { name: 'second' })
  const { json: device } = await lab.call('POST', `/projects/${project.id}/devices`, body)
  await waitUntil(
    () => server.starts,
    (starts) => starts === 2,
  )
  server.isSilent = true
  await lab.call('DELETE', `/devices/${device.id}?force_delete=true`)
  expect((await lab.call('DELETE', `/projects/${project.id}`)).status).toBe(204)
  await lab[Symbol.asyncDispose]()
  await using next = await open()
  const { status, json } = await next.call('GET', `/devices/${device.id}?include=project,ssh_keys,ip_addresses`)
  expect([status, json.state]).toEqual([200, 'deprovisioning'])
  expect((await next.call('GET', `/projects/${project.id}`)).status).toBe(404)
  expect((await next.call('GET', '/projects')).json.projects).toHaveLength(1)
  server.isSilent = false
  await waitUntil(
    async () => (await next.call('GET', `/devices/${device.id}`)).status,
    (now) => now === 404,
  )
})

test.each([
  ['DELETE', undefined, [false, 1]],
  ['POST', 'power_off', [false, 0]],
  ['POST', 'reboot', [true, 0]],
] as const)('%s %s that a lab did not finish is finished by the next', async (method, type, [isOn, freed]) => {
  const { server, lab, open, id } = await startActive()
  server.isSilent = true
  await lab.call(method, `/devices/${id}${type === undefined ? '' : '/actions'}`, type && { type })
  await waitUntil(
    async () => await eventsOf(lab, id),
    (texts) => texts[0]?.includes('the BMC does not answer') === true,
  )
  await lab[Symbol.asyncDispose]()
  await using next = await open()
  expect(await stateOf(next, id)).toBe(method === 'DELETE' ? 'deprovisioning' : 'powering_off')
  server.isSilent = false
  await waitUntil(
    async () => (await next.call('GET', `/devices/${id}`)).json.state ?? 'gone',
    (state) => state === (type === undefined ? 'gone' : isOn ? 'active' : 'inactive'),
  )
  expect([server.isOn, server.freed, server.starts]).toEqual([isOn, freed, isOn ? 2 : 1])
})

test('a reboot is a reset, if the machine has one', async () => {
  const { server, lab, id } = await startActive({}, (own) => (own.resets = 0))
  await using _ = lab
  for (const [always, boot] of [
    [true, 'network'],
    [false, 'disk'],
  ] as const) {
    await lab.call('PUT', `/devices/${id}`, { always_pxe: always })
    await lab.call('POST', `/devices/${id}/actions`, { type: 'reboot' })
    await waitForState(lab, id, 'active')
    expect(server.boots.at(-1)).toBe(boot)
    const states = lab.lines.filter((line) => line.includes(' -> ')).map((line) => line.replace(/.*: /, ''))
    expect(states.slice(-2)).toEqual(['active -> powering_off', 'powering_off -> active'])
  }
  expect([server.resets, server.ends, server.starts]).toEqual([2, 0, 1])
  expect((await eventsOf(lab, id))[0]).toBe('Device rebooted')
})

test('a machine that could not be reset is switched off and on, once its BMC answers', async () => {
  const { server, lab, id } = await startActive({}, (own) => (own.resets = 0))
  await using _ = lab
  server.isSilent = true
  await lab.call('POST', `/devices/${id}/actions`, { type: 'reboot' })
  await waitUntil(
    async () => await eventsOf(lab, id),
    (texts) => texts[0]?.startsWith('the machine did not switch off') === true,
  )
  expect(await eventsOf(lab, id)).toContain(
    'the machine was not reset, so it is switched off and on: lab: the BMC does not answer',
  )
  server.isSilent = false
  await waitForState(lab, id, 'active')
  expect([server.resets, server.ends > 0, server.starts]).toEqual([0, true, 2])
})

test('an installation that a lab did not finish starts again with the next, from a machine that is off', async () => {
  const { server, lab, open, id } = await start()
  await waitUntil(
    () => server.starts,
    (starts) => starts === 1,
  )
  await lab[Symbol.asyncDispose]()
  await using next = await open()
  await waitUntil(
    () => server.starts,
    (starts) => starts === 2,
  )
  expect(await stateOf(next, id)).toBe('provisioning')
  expect(server.freed).toBe(1)
})

test('a machine that does not come to its boot script fails with how far it came', async () => {
  const { lab, id } = await start({ provisioningMs: 600 })
  await using _ = lab
  await waitForState(lab, id, 'failed')
  const texts = await eventsOf(lab, id)
  expect(texts).toContain('the machine was switched on')
  expect(texts[0]).toBe(
    'The boot script did not run within 600ms (last output: none): it asked for an address, and no DHCP server answered',
  )
})

test('a failed device whose machine the lab could not switch off is switched off by the next', async () => {
  const { server, lab, open, id } = await start({ provisioningMs: 600 })
  await waitUntil(
    () => server.starts,
    (starts) => starts === 1,
  )
  server.isSilent = true
  await waitForState(lab, id, 'failed')
  await lab[Symbol.asyncDispose]()
  expect(server.isOn).toBe(true)
  server.isSilent = false
  await using next = await open()
  await waitUntil(
    () => server.isOn,
    (isOn) => !isOn,
  )
  expect(await stateOf(next, id)).toBe('failed')
})

test('a lab that does not start keeps the saved devices', async () => {
  const { lab, open, id, server } = await startActive()
  await lab[Symbol.asyncDispose]()
  server.driver.keepOnly = () => Promise.reject(new LabError('a disk cannot be removed'))
  await expect(open()).rejects.toThrow('a disk cannot be removed')
  delete server.driver.keepOnly
  await using next = await open()
  expect(await stateOf(next, id)).toBe('active')
})

test('requests that arrive while a lab starts see the saved devices', async () => {
  const { lab, parts, id, server } = await startActive()
  await lab[Symbol.asyncDispose]()
  server.driver.keepOnly = async () => await sleep(100)
  const all = { ...parts, pace: quickPace, stateFolder: join(folder, 'keys'), report: createRecorder() }
  const loopback = { host: '127.0.0.1', port: 0 }
  const whole = { ...all, listen: loopback, sosListen: loopback }
  const ground = await takeGround(whole)
  const early = fetch(`${ground.contact.apiUrl}/devices/${id}`, { headers: { 'x-auth-token': ground.contact.token } })
  await using _ = await startLab(whole, ground)
  expect((await early).status).toBe(200)
})

test('a machine that went on although its driver failed is switched off before its device is anything but failed', async () => {
  const { server, lab, id } = await start({ queuedMs: 50 })
  await using _ = lab
  server.losesAnswers = true
  await waitForState(lab, id, 'failed')
  expect(server.isOn).toBe(true)
  await lab.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  await waitUntil(
    async () => await eventsOf(lab, id),
    (texts) => texts[0] === 'the state of the machine is not known: lab: the BMC does not answer',
  )
  expect(await stateOf(lab, id)).toBe('powering_off')
  expect(server.isOn).toBe(true)
  server.isSilent = false
  await waitForState(lab, id, 'inactive')
  expect(server.isOn).toBe(false)
})

test('a machine that somebody switched on by hand is off before its device is gone', async () => {
  const { server, lab, id } = await startActive()
  await using _ = lab
  await lab.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  await waitForState(lab, id, 'inactive')
  server.isOn = true
  await lab.call('DELETE', `/devices/${id}`)
  await waitUntil(
    async () => (await lab.call('GET', `/devices/${id}`)).status,
    (status) => status === 404,
  )
  expect([server.isOn, server.freed]).toEqual([false, 1])
})

test('a machine that does not switch on in time fails its device', async () => {
  const server = new Server()
  server.hung = ['powerOn']
  await using lab = await startTestLab({ driver: server.driver, pace: { provisioningMs: 600, endMs: 100 } })
  const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  await waitForState(lab, json.id, 'failed')
  expect((await eventsOf(lab, json.id))[0]).toBe('The machine was not switched on within 600ms')
})

test.each([
  ['detach', undefined],
  ['dispose', 'POST'],
  ['discard', 'DELETE'],
] as const)('a driver whose %s never ends does not hold up the end of the lab', async (call, method) => {
  const { server, lab, open, id } = await startActive({ endMs: 300 })
  server.hung = [call]
  if (method === 'POST') await lab.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  if (method === 'DELETE') await lab.call('DELETE', `/devices/${id}`)
  await waitUntil(
    () => [server.ends, server.isOn],
    ([ends, isOn]) => (method === undefined ? isOn === true : method === 'POST' ? ends === 1 : isOn === false),
  )
  await lab[Symbol.asyncDispose]()
  expect(lab.lines.at(-1)).toMatch(/: its machine did not end in time, and may still be on$/)
  server.hung = []
  await using next = await open()
  await waitUntil(
    async () => (await next.call('GET', `/devices/${id}`)).json.state ?? 'gone',
    (state) => state === { detach: 'active', dispose: 'inactive', discard: 'gone' }[call],
  )
})

test('a second signal ends the wait for a driver', async () => {
  const server = new Server()
  const forced = new AbortController()
  const lab = await startTestLab({ driver: server.driver, forced: forced.signal, pace: { endMs: 600_000 } })
  await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  await waitUntil(
    () => server.starts,
    (starts) => starts === 1,
  )
  server.hung = ['detach']
  const ended = lab[Symbol.asyncDispose]()
  forced.abort()
  await ended
  expect(lab.lines.at(-1)).toMatch(/may still be on$/)
})
