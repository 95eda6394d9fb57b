// metal-cli's e2e tests, and mantle's ore: the events that they expect, metros in capitals.
import { expect, test } from 'vitest'

import { startClientLab, userdata } from './client.ts'

const device = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata, hostname: 'cli' }

test("a device's events have the texts that the tests expect", async () => {
  await using own = await startClientLab({ pace: { queuedMs: 60_000 } })
  const fresh = await own.send(201, 'POST', own.devices, device)
  const bodies = async (id: string): Promise<string[]> =>
    (await own.send(200, 'GET', `/devices/${id}/events?per_page=100`)).events.map(({ body }: { body: string }) => body)
  expect(await bodies(fresh.id)).toEqual(['Queued for provisioning'])
  const pending = fresh.provisioning_events[3]
  expect(pending).toMatchObject({
    type: 'provisioning.104',
    body: 'Connected to magic install system',
    id: null,
    created_at: null,
    state: null,
  })
})

test('and when it becomes active', async () => {
  await using own = await startClientLab()
  const { id, provisioning_events: told } = await own.createActive(device)
  const { events } = await own.send(200, 'GET', `/devices/${id}/events?per_page=100`)
  const bodies = events.map(({ body }: { body: string }) => body)
  expect(bodies[0]).toBe('Provision complete! Your device is ready to go.')
  expect(bodies).toContain('Connected to magic install system')
  expect(bodies.at(-1)).toBe('Queued for provisioning')
  expect(told.at(-1)).toMatchObject({ type: 'provisioning.110', state: 'success' })
})

test('a metro is accepted in capitals', async () => {
  await using own = await startClientLab()
  const created = await own.send(201, 'POST', own.devices, { ...device, metro: 'DC' })
  expect(created.metro.code).toBe('dc')
  expect((await own.send(200, 'GET', `${own.devices}?metro=DC`)).devices).toHaveLength(1)
  const servers = [{ metro: 'DC', plan: 'c3.small.x86', quantity: '1' }]
  expect((await own.send(200, 'POST', '/capacity/metros', { servers })).servers[0].available).toBe(true)
  expect((await own.send(200, 'GET', '/locations/metros/DC')).code).toBe('dc')
})
