// Automation for ordinary servers, on simulated machines: the systems, plans and facilities of the official examples and tests
// are installed, up to a login on the console.
import { expect, test } from 'vitest'

import { createSimulatedDriver } from '../../../src/lab/machines/simulated/simulated.ts'
import { waitForState, waitUntil } from '../../helpers/lab.ts'
import { startClientLab } from './client.ts'
import { openConsole } from './console.ts'

const slugs =
  `coreos_stable ubuntu_16_04 ubuntu_18_04 ubuntu_20_04 ubuntu_22_04 ubuntu_24_04 debian_11 debian_12 rocky_8 rocky_9
  flatcar_stable alpine_3`.split(/\s+/)

test('every system of the examples is installed', async () => {
  await using own = await startClientLab({ facilities: true })
  const { operating_systems: known } = await own.send(200, 'GET', '/operating-systems')
  expect(known.map(({ slug }: { slug: string }) => slug)).toEqual(expect.arrayContaining(slugs))
  const batches = slugs.map((slug) => ({ plan: 'n2.xlarge.x86', facility: ['fr2'], operating_system: slug }))
  await own.send(201, 'POST', `${own.devices}/batch`, { batches })
  const all = await waitUntil(
    () => own.send(200, 'GET', `${own.devices}?per_page=100`),
    ({ devices }) => devices.every(({ state }: { state: string }) => state === 'active'),
  )
  expect(all.devices).toHaveLength(slugs.length)
  expect(all.devices[0]).toMatchObject({ facility: { code: 'fr2' }, metro: { code: 'fr' } })
})

test('a device goes through all events, and root logs in on its console with the password of the API', async () => {
  await using own = await startClientLab({ pace: { stepMs: 200 } })
  const body = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'debian_12', hostname: 'web' }
  const { id } = await own.send(201, 'POST', own.devices, body)
  const console = await openConsole(own, id)
  await waitForState(own.lab, id, 'provisioning')
  const device = await waitForState(own.lab, id, 'active')
  expect(device.provisioning_events.map(({ state }: { state: string }) => state)).toEqual(Array(10).fill('success'))
  await console.shows('Welcome to Debian 12!')
  await console.shows('\nweb login: ')
  console.type('root\rwrong\r')
  await console.shows('Login incorrect')
  console.type(`rooo\u007f\u007fot\r${device.root_password}\r`)
  await console.shows('\n# ')
  console.type('hostname\r')
  await console.shows('hostname\r\nweb\r\n# ')
  expect(console.seen.text).not.toContain(device.root_password)
  await own.send(202, 'POST', `/devices/${id}/actions`, { type: 'reboot' })
  await waitUntil(
    () => console.seen.text.split('Welcome to Debian 12!').length,
    (count) => count === 3,
  )
})

test('rescue boots another system until the next reboot', async () => {
  await using own = await startClientLab()
  const body = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'ubuntu_22_04', hostname: 'web' }
  const device = await own.createActive(body)
  expect(device.actions).toContainEqual({ type: 'rescue', name: 'rescue' })
  const console = await openConsole(own, device.id)
  await own.send(202, 'POST', `/devices/${device.id}/actions?type=rescue`)
  await console.shows('Welcome to Rescue system!')
  await console.shows('web login: ')
  console.type(`root\r${device.root_password}\r`)
  await console.shows('\n# ')
  await waitForState(own.lab, device.id, 'active')
  await own.send(202, 'POST', `/devices/${device.id}/actions`, { type: 'reboot' })
  await console.shows('Welcome to Ubuntu 22.04 LTS!')
})

test('in QEMU another system than custom_ipxe fails, and says why', async () => {
  await using own = await startClientLab({ driver: { ...createSimulatedDriver(), kind: 'qemu', installs: false } })
  const { id } = await own.send(201, 'POST', own.devices, {
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'rocky_9',
  })
  await waitForState(own.lab, id, 'failed')
  expect((await own.send(200, 'GET', `/devices/${id}/events`)).events[0].body).toBe(
    'The lab cannot install Rocky Linux 9: machines in QEMU boot custom_ipxe only',
  )
})
