import { describe, expect, test } from 'vitest'

import { createSimulatedDriver } from '../../../src/lab/machines/simulated/simulated.ts'
import { startTestLab, type TestLab, waitForState, waitUntil } from '../../helpers/lab.ts'

async function create(lab: TestLab, body: object = {}) {
  const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'custom_ipxe',
    userdata: '#!ipxe\nsleep 600',
    ...body,
  })
  expect(status, JSON.stringify(json)).toBe(201)
  return json
}

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString()
}

describe('a termination time', () => {
  test.concurrent.each([
    ['while it is active', 20],
    ['while it is provisioning', 10_000],
  ])('ends the device, %s', async (_, stepMs) => {
    await using lab = await startTestLab({ pace: { stepMs } })
    const { id } = await create(lab, { termination_time: inMs(5000) })
    if (stepMs < 1000) await waitForState(lab, id, 'active')
    if (stepMs > 1000) {
      await waitForState(lab, id, 'deprovisioning')
      return
    }
    await waitUntil(
      () => lab.call('GET', `/devices/${id}`),
      ({ status }) => status === 404,
    )
  })

  test.concurrent('does not take effect early, nor for a locked device until it is unlocked', async () => {
    await using lab = await startTestLab()
    const later = await create(lab, { termination_time: inMs(60_000) })
    const locked = await create(lab, { termination_time: inMs(3000), locked: true })
    await new Promise((resolve) => setTimeout(resolve, 3400))
    await waitForState(lab, locked.id, 'active')
    await lab.call('PUT', `/devices/${locked.id}`, { locked: false })
    await waitUntil(
      () => lab.call('GET', `/devices/${locked.id}`),
      ({ status }) => status === 404,
    )
    await waitForState(lab, later.id, 'active')
  })
})

test.concurrent('a failed device vanishes: it answers 403 in the words of the API, is in no list, then answers 404', async () => {
  await using lab = await startTestLab({
    driver: { ...createSimulatedDriver(), installs: false },
    pace: { failedMs: 3000, forbiddenMs: 3000 },
  })
  const { id } = await create(lab, { operating_system: 'debian_12' })
  await waitForState(lab, id, 'failed')
  const list = `/projects/${lab.projectId}/devices`
  expect((await lab.call('GET', list)).json.devices).toHaveLength(1)
  const seen: number[] = []
  await waitUntil(
    async () => {
      const { status, json } = await lab.call('GET', `/devices/${id}`)
      if (seen.at(-1) !== status) seen.push(status)
      if (status === 403) {
        expect(json).toEqual({ errors: ['You are not authorized to view this device'] })
        expect((await lab.call('GET', list)).json.devices).toEqual([])
      }
      return status
    },
    (status) => status === 404,
  )
  expect(seen).toEqual([200, 403, 404])
})
