// A rack as the cloud of a lab: a machine that programs switch, whose firmware fetches its script from the rack's door.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { expect, test } from 'vitest'
import { startLab } from '../../src/lab/lab.ts'
import { readRackFile } from '../../src/rack/file/rack-file.ts'
import type { Ports } from '../../src/rack/netboot/udp.ts'
import { rackPace } from '../../src/rack/pace.ts'
import { openRack } from '../../src/rack/rack.ts'
import { waitUntil } from '../helpers/lab.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { needs } from '../helpers/needs.ts'
import { createRecorder } from '../helpers/recorder.ts'

const mac = '52:54:00:aa:00:01'

/** The machine's firmware: it asks for the script of its MAC, follows it, and reports that it runs. */
const firmware = `
u=$(curl -sf $(cat origin)/boot/mac/52-54-00-AA-00-01 | sed -n 's/^chain --autofree //p')
curl -sf "$u" >script && curl -sf "\${u%/auto.ipxe}/phone-home?type=provisioning.104.01"
`

function writeRackFile(folder: TestFolder): string {
  folder.write('firmware', firmware)
  const commands = {
    on: 'echo on >state; setsid sh firmware </dev/null >/dev/null 2>&1 &',
    off: 'echo off >state',
    status: 'cat state 2>/dev/null || echo off',
    clearBoot: 'echo cleared >>boot',
  }
  const machine = { name: 'r1', plan: 'small', macs: [mac], firmware: 'bios', power: { commands } }
  return folder.write(
    'rack.yaml',
    stringify({ network: { address: '127.0.0.1' }, plans: { small: { cpu: 'one' } }, machines: [machine] }),
  )
}

/** Free UDP ports. */
async function findPorts(): Promise<Ports> {
  const sockets = Array.from({ length: 4 }, () => createSocket('udp4'))
  for (const socket of sockets) await once(socket.bind(0, '127.0.0.1'), 'listening')
  const [dhcp = 0, dhcpClient = 0, pxe = 0, tftp = 0] = sockets.map((socket) => socket.address().port)
  for (const socket of sockets) socket.close()
  return { dhcp, dhcpClient, pxe, tftp }
}

/** A start of the rack. */
async function start(folder: TestFolder) {
  const path = join(folder.path, 'rack.yaml')
  const file = await readRackFile(path)
  const report = createRecorder()
  const stateFolder = join(folder.path, 'lab')
  const over = new AbortController()
  const ports = await findPorts()
  const env = { PATH: process.env['PATH'] }
  const rack = await openRack({ path, file, stateFolder, bootPort: 0, env, report, signal: over.signal, ports })
  folder.write('origin', rack.door.origin)
  const { cloud, door } = rack
  const { driver } = cloud
  const loopback = { host: '127.0.0.1', port: 0 }
  const cloudFile = join(folder.path, 'cloud.json')
  const pace = rackPace(60_000)
  const lab = await startLab({ ...cloud, listen: loopback, sosListen: loopback, stateFolder, cloudFile, pace, report })
  door.answerWith(lab.handle, driver.boots)
  const call = async (method: string, place: string, body?: unknown) => {
    const headers = { 'x-auth-token': lab.token, 'content-type': 'application/json' }
    const response = await fetch(new URL(place, lab.apiUrl), {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    // oxlint-disable-next-line typescript/no-explicit-any -- tests read fields of answers
    const json: any = text === '' ? {} : JSON.parse(text)
    return { status: response.status, json }
  }
  return {
    lab,
    door,
    call,
    driver,
    async [Symbol.asyncDispose]() {
      // Before the signal, without which no program runs: what is left on must be left on by intention.
      await lab[Symbol.asyncDispose]()
      over.abort(new Error('the server ends'))
      await rack[Symbol.asyncDispose]()
    },
  }
}

test('a machine boots for a device, outlasts two servers, and is given back off', needs('curl'), async () => {
  using folder = makeFolder()
  writeRackFile(folder)
  const state = () =>
    existsSync(join(folder.path, 'state')) ? readFileSync(join(folder.path, 'state'), 'utf8').trim() : 'off'
  let id = ''
  {
    await using own = await start(folder)
    const { lab, call, door } = own
    const devices = `/metal/v1/projects/${lab.projectId}/devices`
    const body = { plan: 'small', metro: 'home', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
    const created = await call('POST', devices, body)
    expect(created.status).toBe(201)
    id = String(created.json.id)
    const active = await waitUntil(
      async () => (await call('GET', `/metal/v1/devices/${id}`)).json,
      (device) => device.state === 'active',
    )
    expect(active.network_ports[1].data.mac).toBe(mac)
    expect(active.ip_addresses.map(({ address }: { address: string }) => address)).toEqual(['127.0.0.1'])
    const { json: events } = await call('GET', `/metal/v1/devices/${id}/events`)
    const texts = events.events.map(({ body: text }: { body: string }) => text)
    expect(texts).toEqual(expect.arrayContaining(['r1: off', 'r1: switched on', 'r1: has its script']))
    expect((await call('POST', devices, body)).json.errors).toEqual(["There aren't available servers in that metro"])
    expect((await call('GET', '/lab/machines')).json.machines).toMatchObject([{ name: 'r1', holder: id }])
    expect((await call('POST', '/lab/machines/r1/release')).json.errors[0]).toContain(
      `the device ${id} has the machine`,
    )
    expect((await call('POST', '/lab/machines/r9/release')).json.errors[0]).toBe(
      'the machine "r9" is not in the rack file; metalkit rack list shows the machines',
    )
    // The door answers machines only, and no machine that is not to boot.
    for (const path of [
      '/metal/v1/devices',
      '/lab/machines',
      '/',
      '/boot/mac/52-54-00-aa-00-01',
      '/ipxe/undionly.kpxe',
    ]) {
      expect([path, (await fetch(door.origin + path)).status]).toEqual([path, 404])
    }
    await expect(start(folder)).rejects.toThrow('is already running, as process')
  }
  expect(state()).toBe('on')
  await using own = await start(folder)
  expect((await own.call('GET', `/metal/v1/devices/${id}`)).json.state).toBe('active')
  await own.call('DELETE', `/metal/v1/devices/${id}`)
  await waitUntil(
    async () => (await own.call('GET', '/lab/machines')).json.machines[0],
    ({ holder }) => holder === undefined,
  )
  expect(state()).toBe('off')
  expect(readFileSync(join(folder.path, 'boot'), 'utf8')).toContain('cleared')
  expect(own.driver.whyUnusable('r1')).toBeUndefined()
})
