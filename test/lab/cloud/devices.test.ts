import { expect, describe, test } from 'vitest'

import { createSimulatedDriver } from '../../../src/lab/machines/simulated/simulated.ts'
import type { MachineDriver, PoweredMachine } from '../../../src/lab/machines/driver.ts'
import { startTestLab, type TestLab, waitForState, waitUntil } from '../../helpers/lab.ts'
import { fakeBzImage } from '../../helpers/image.ts'
import { bootScriptFor, serveFiles } from '../machines/boot-files.ts'
import * as schemas from '../api/device-schema.ts'

/** A driver that records its machines and their output, so that tests can type without an SOS. */
function createWatchedDriver(driver: MachineDriver = createSimulatedDriver({ lineDelayMs: 1, selfTestMs: 0 })) {
  const machines: PoweredMachine[] = []
  let screen = ''
  return {
    machines,
    screen: () => screen,
    type: (text: string) => machines.at(-1)?.serial.write(text),
    driver: {
      kind: driver.kind,
      async powerOn(spec) {
        const machine = await driver.powerOn(spec)
        machines.push(machine)
        machine.serial.on('data', (bytes: Buffer) => {
          screen += bytes.toString()
        })
        return machine
      },
    } satisfies MachineDriver,
  }
}

/** Slow enough that a busy computer can observe each state. */
const pace = { queuedMs: 600, stepMs: 600 }

async function start(body: object = {}) {
  const files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
  files.files['x.ipxe'] = bootScriptFor(files.url)
  const watched = createWatchedDriver()
  const lab = await startTestLab({ driver: watched.driver, pace })
  const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'custom_ipxe',
    hostname: 'box',
    ipxe_script_url: `${files.url}/x.ipxe`,
    ...body,
  })
  expect(status, JSON.stringify(json)).toBe(201)
  return {
    ...watched,
    lab,
    files,
    id: String(json.id),
    act: (type: string, extra: object = {}) => lab.call('POST', `/devices/${json.id}/actions`, { type, ...extra }),
    isUp: (times = 1) => waitUntil(watched.screen, (text) => text.split('simulated machine is up: box').length > times),
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]()
      await files[Symbol.asyncDispose]()
    },
  }
}

/** Starts a lab with a driver, and a device that boots a script. */
async function startWith(driver: MachineDriver, userdata: string) {
  const lab = await startTestLab({ driver })
  const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'custom_ipxe',
    userdata,
  })
  return { lab, id: String(json.id) }
}

async function eventTypes(lab: TestLab, id: string): Promise<string[]> {
  const { json } = await lab.call('GET', `/devices/${id}/events?per_page=100`)
  expect(schemas.eventList.parse(json)).toEqual(json)
  return json.events.map((event: { type: string }) => event.type)
}

test.concurrent('polling sees a device go through its states, and every answer matches its schema', async () => {
  await using own = await start()
  const seen = ['queued']
  let percentage = -1
  await waitUntil(
    () => own.lab.call('GET', `/devices/${own.id}`),
    ({ json }) => {
      schemas.device.parse(json)
      if (seen.at(-1) !== json.state) seen.push(json.state)
      if (json.state === 'provisioning') {
        expect(json.provisioning_percentage).toBeGreaterThanOrEqual(percentage)
        percentage = json.provisioning_percentage
      }
      return json.state === 'active'
    },
  )
  expect(seen).toEqual(['queued', 'provisioning', 'active'])
  expect(percentage).toBeGreaterThan(0)
  const { json } = await own.lab.call('GET', `/devices/${own.id}`)
  expect(json).not.toHaveProperty('provisioning_percentage')
  expect(
    json.ip_addresses.map((one: { address_family: number; public: boolean }) => [one.address_family, one.public]),
  ).toEqual([
    [4, true],
    [6, true],
    [4, false],
  ])
  expect(json.facility.code).toBe('ny5')
  const events = json.provisioning_events.filter((event: { id: string | null }) => event.id !== null)
  expect(events.map((event: { type: string }) => event.type)).toEqual(
    [101, 102, 103, 104, 110].map((n) => `provisioning.${n}`),
  )
  expect(await eventTypes(own.lab, own.id)).toEqual([
    'instance.provisioned',
    'provisioning.110',
    'provisioning.104.01',
    'provisioning.104',
    'provisioning.103',
    'provisioning.102',
    'provisioning.101',
    'instance.queued',
  ])
  await own.isUp()
  expect(own.screen()).toContain('Lab of metalkit - iPXE boot of box')
  expect(own.screen()).toContain('] Command line: ip=dhcp nomodeset ro serial console=ttyS1,115200\r\n')
})

test.concurrent('it is active before its system is up, even if the system never comes up', async () => {
  await using own = await start({ ipxe_script_url: 'http://127.0.0.1:1/none' })
  await waitForState(own.lab, own.id, 'active')
  await waitUntil(own.screen, (text) => text.includes('No bootable device.'))
  expect(own.screen()).toContain('Could not boot image: Connection reset')
  expect(own.screen()).toContain('No more network devices')
  expect((await own.lab.call('GET', `/devices/${own.id}`)).json.state).toBe('active')
})

test.concurrent('a script in the userdata is followed', async () => {
  await using own = await start({ ipxe_script_url: undefined, userdata: '#!ipxe\necho from userdata\n' })
  await waitUntil(own.screen, (text) => text.includes('from userdata'))
  await waitForState(own.lab, own.id, 'active')
})

test.concurrent('poweroff in the machine makes it inactive, power_on boots it again', async () => {
  await using own = await start({ always_pxe: true })
  await own.isUp()
  own.type('poweroff\r')
  await waitForState(own.lab, own.id, 'inactive')
  expect((await eventTypes(own.lab, own.id))[0]).toBe('instance.powered_off')
  expect((await own.act('power_on')).status).toBe(202)
  expect((await own.lab.call('GET', `/devices/${own.id}`)).json.state).toBe('powering_on')
  await waitForState(own.lab, own.id, 'active')
  await own.isUp(2)
})

describe('actions', () => {
  test.concurrent('power_off and power_on', async () => {
    await using own = await start()
    await own.isUp()
    expect(await own.act('power_off')).toMatchObject({ status: 202, json: {} })
    expect((await own.lab.call('GET', `/devices/${own.id}`)).json.state).toBe('powering_off')
    await waitForState(own.lab, own.id, 'inactive')
    expect(await own.machines[0]?.off).toEqual({ reason: 'switched-off' })
    await own.act('power_on')
    await own.act('power_on')
    await waitForState(own.lab, own.id, 'active')
    expect(own.machines).toHaveLength(2)
  })

  test.concurrent('several actions at once run one after the other', async () => {
    await using own = await start()
    await own.isUp()
    for (const type of ['power_off', 'power_on', 'reboot', 'power_off', 'power_on']) {
      expect((await own.act(type)).status).toBe(202)
    }
    await waitUntil(
      () => own.machines.length,
      (count) => count === 4,
    )
    await waitForState(own.lab, own.id, 'active')
    const ends = await Promise.all(own.machines.slice(0, 3).map((machine) => machine.off))
    expect(ends).toEqual(Array.from({ length: 3 }, () => ({ reason: 'switched-off' })))
  })

  test.concurrent.each([true, false])('reboot uses iPXE again only with always_pxe (%s)', async (alwaysPxe) => {
    await using own = await start({ always_pxe: alwaysPxe })
    await own.isUp()
    await own.act('reboot')
    expect((await own.lab.call('GET', `/devices/${own.id}`)).json.state).toBe('powering_off')
    await waitUntil(
      () => own.machines.length,
      (count) => count === 2,
    )
    await waitForState(own.lab, own.id, 'active')
    if (alwaysPxe) await own.isUp(2)
    else await waitUntil(own.screen, (text) => text.includes('could not read the boot disk'))
    const connected = (await eventTypes(own.lab, own.id)).filter((type) => type === 'provisioning.104.01')
    expect(connected).toHaveLength(alwaysPxe ? 2 : 1)
    expect(own.files.requests.filter(({ path }) => path === 'k')).toHaveLength(alwaysPxe ? 2 : 1)
  })

  test.concurrent('always_pxe can be set later, and a new script URL is used', async () => {
    await using own = await start()
    await own.isUp()
    own.files.files['y.ipxe'] = '#!ipxe\necho the second script\n'
    const change = { always_pxe: true, ipxe_script_url: `${own.files.url}/y.ipxe` }
    await own.lab.call('PUT', `/devices/${own.id}`, change)
    await own.act('reboot')
    await waitUntil(own.screen, (text) => text.includes('the second script'))
  })

  test.concurrent('reboot typed in the machine boots again and the device stays active', async () => {
    await using own = await start({ always_pxe: true })
    await own.isUp()
    own.type('reboot\r')
    await own.isUp(2)
    expect(own.machines).toHaveLength(1)
    expect((await own.lab.call('GET', `/devices/${own.id}`)).json.state).toBe('active')
  })

  test.concurrent('reinstall starts again over iPXE', async () => {
    await using own = await start()
    await own.isUp()
    expect((await own.act('reinstall')).status).toBe(202)
    const { json } = await own.lab.call('GET', `/devices/${own.id}`)
    expect(json.state).toBe('reinstalling')
    const refused = await own.lab.call('DELETE', `/devices/${own.id}`)
    expect(refused.json).toEqual({ errors: ['Cannot delete a device while it is provisioning'] })
    await waitForState(own.lab, own.id, 'active')
    await own.isUp(2)
  })

  test.concurrent.each<[name: string, body: object, error: string]>([
    ['rescue', { type: 'rescue' }, 'rescue is not supported by machines in QEMU'],
    ['an unknown one', { type: 'explode' }, 'type is invalid'],
    ['none', {}, 'type is invalid'],
    ['one of a device that is not up yet', { type: 'reboot' }, 'Cannot reboot a device while it is queued'],
  ])('%s is refused', async (name, body, error) => {
    await using own = await start()
    if (!name.includes('not up yet')) await waitForState(own.lab, own.id, 'active')
    const { status, json } = await own.lab.call('POST', `/devices/${own.id}/actions`, body)
    expect([status, json]).toEqual([422, { errors: [error] }])
  })
})

test.concurrent('a deleted device is deprovisioning, then gone, with its machine', async () => {
  await using own = await start()
  await own.isUp()
  expect((await own.lab.call('DELETE', `/devices/${own.id}`)).status).toBe(204)
  expect((await own.lab.call('GET', `/devices/${own.id}`)).json.state).toBe('deprovisioning')
  expect((await own.lab.call('DELETE', `/devices/${own.id}`)).status).toBe(204)
  const gone = await waitUntil(
    () => own.lab.call('GET', `/devices/${own.id}`),
    ({ status }) => status === 404,
  )
  expect(gone.json).toEqual({ error: 'Not found' })
  expect(await own.machines[0]?.off).toEqual({ reason: 'switched-off' })
  expect((await own.lab.call('GET', `/projects/${own.lab.projectId}/devices`)).json.meta.total).toBe(0)
})

test.concurrent('a forced delete aborts any operation', async () => {
  await using own = await start()
  await waitForState(own.lab, own.id, 'provisioning')
  await own.lab.call('DELETE', `/devices/${own.id}?force_delete=true`)
  await waitUntil(
    () => own.lab.call('GET', `/devices/${own.id}`),
    ({ status }) => status === 404,
  )
  expect(own.machines).toEqual([])
})

test.concurrent('a system that the lab does not install fails, and says why', async () => {
  await using own = await start({ operating_system: 'ubuntu_22_04', ipxe_script_url: undefined })
  await waitForState(own.lab, own.id, 'failed')
  const { json } = await own.lab.call('GET', `/devices/${own.id}/events`)
  expect(json.events[0]).toMatchObject({
    type: 'instance.failed',
    state: 'failed',
    body: 'The lab cannot install Ubuntu 22.04 LTS: machines in QEMU boot custom_ipxe only',
  })
})

test.concurrent.each<[name: string, driver: MachineDriver, why: RegExp]>([
  ['cannot be switched on', { kind: 'simulated', powerOn: () => Promise.reject(new Error('no room')) }, /no room/],
  [
    'dies',
    {
      kind: 'simulated',
      async powerOn(spec) {
        const machine = await createSimulatedDriver().powerOn(spec)
        return { ...machine, off: Promise.resolve({ reason: 'failed', detail: 'the machine died of heat' }) }
      },
    },
    /^the machine died of heat$/,
  ],
])('a machine that %s makes the device failed, with the reason as event', async (_, driver, why) => {
  const { lab, id } = await startWith(driver, '#!ipxe\nexit')
  await using _lab = lab
  await waitForState(lab, id, 'failed')
  const { json } = await lab.call('GET', `/devices/${id}/events`)
  expect(json.events.find((event: { type: string }) => event.type === 'instance.failed').body).toMatch(why)
  expect((await lab.call('DELETE', `/devices/${id}`)).status).toBe(204)
})

test.concurrent('if a machine goes off immediately after it is switched on, the device is off', async () => {
  const simulated = createSimulatedDriver()
  let starts = 0
  const driver: MachineDriver = {
    kind: 'simulated',
    async powerOn(spec) {
      const machine = await simulated.powerOn(spec)
      return ++starts === 1 ? machine : { ...machine, off: Promise.resolve({ reason: 'poweroff' }) }
    },
  }
  const { lab, id } = await startWith(driver, '#!ipxe\nsleep 600')
  await using _ = lab
  await waitForState(lab, id, 'active')
  await lab.call('POST', `/devices/${id}/actions`, { type: 'reboot' })
  await waitUntil(
    () => starts,
    (count) => count === 2,
  )
  await waitForState(lab, id, 'inactive')
  const types = await eventTypes(lab, id)
  expect(types.slice(0, 2)).toEqual(['instance.powered_off', 'instance.powered_off'])
})

test.concurrent('ten machines boot at once, and ending the lab switches all of them off', async () => {
  const watched = createWatchedDriver()
  await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
  files.files['x.ipxe'] = bootScriptFor(files.url)
  {
    await using lab = await startTestLab({ driver: watched.driver })
    for (let index = 0; index < 10; index++) {
      await lab.call('POST', `/projects/${lab.projectId}/devices`, {
        plan: 'm3.small.x86',
        metro: 'any',
        operating_system: 'custom_ipxe',
        ipxe_script_url: `${files.url}/x.ipxe`,
      })
    }
    await waitUntil(watched.screen, (text) => text.split('simulated machine is up').length === 11)
  }
  const ends = await Promise.all(watched.machines.map((machine) => machine.off))
  expect(ends).toEqual(Array.from({ length: 10 }, () => ({ reason: 'switched-off' })))
})
