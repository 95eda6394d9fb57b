import { readFile } from 'node:fs/promises'

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { parseFaults } from '../../../src/lab/faults/faults.ts'
import { latitudeFaults } from '../../../src/lab/latitude/faults.ts'
import { isComingUp } from '../../../src/lab/cloud/device-state.ts'
import { body, type LatitudeLab, shellScript, startLatitudeLab } from './world.ts'

test.each([
  ['POST', '/servers', 'create'],
  ['GET', '/servers', 'list'],
  ['GET', '/servers/s', 'get'],
  ['PATCH', '/servers/s', 'update'],
  ['DELETE', '/servers/s', 'delete'],
  ['POST', '/servers/s/actions', 'action'],
  ['POST', '/servers/s/reinstall', 'reinstall'],
  ['POST', '/servers/s/out_of_band_connection', 'console'],
  ['DELETE', '/servers/s/schedule_deletion', undefined],
  ['GET', '/plans', 'plans'],
])('%s %s is the step %s', (method, path, step) => {
  expect(latitudeFaults.stepOf({ method, path })).toBe(step)
})

const parse = (text: string) => () => parseFaults(text, latitudeFaults)

test('faults are those of Latitude.sh: of each step its own', () => {
  expect(parse('create:stuck-off, console:422-provisioning x3, list:lagging for=50ms, sos:silent')()).toHaveLength(4)
  expect(parse('get:stuck-off')).toThrow(/unknown kind for the step get/)
  expect(parse('create:lagging')).toThrow(/unknown kind for the step create/)
  expect(parse('create:422-facility')).toThrow(/unknown kind/)
  expect(parse('events:500')).toThrow(/unknown step/)
})

test('the documentation lists every fault', async () => {
  const text = await readFile(new URL('../../../docs/lab.md', import.meta.url), 'utf8')
  const named = new Set(text.slice(text.indexOf('## Latitude.sh')).match(/(?<=`)[\w-]+(?=`)/g))
  expect([...latitudeFaults.steps, ...latitudeFaults.kinds.keys()].filter((word) => !named.has(word))).toEqual([])
})

describe('in the lab', () => {
  let lab: LatitudeLab
  beforeAll(async () => {
    lab = await startLatitudeLab()
  })
  afterAll(() => lab[Symbol.asyncDispose]())
  afterEach(() => lab.faults.set([]))

  const play = (text: string) => lab.faults.set(parse(text)())
  const count = () => lab.devices().filter(({ state }) => state !== 'deprovisioning').length

  test.each(
    [...latitudeFaults.kinds].flatMap(([kind, fault]) => ('instead' in fault && !fault.instead.mishap ? kind : [])),
  )('%s answers in the form of the API, and creates nothing', async (kind) => {
    const before = count()
    play(`create:${kind} x1`)
    if (kind.endsWith('-html')) {
      const response = await fetch(`${lab.apiUrl}/servers`, {
        method: 'POST',
        headers: { authorization: lab.token },
      })
      expect(await response.text()).toContain(kind.startsWith('502') ? 'Bad Gateway' : 'Gateway Timeout')
    } else expect(await lab.create()).toMatchObject({ status: Number(kind.slice(0, 3)) })
    expect(count()).toBe(before)
  })

  test('the answer of a create is lost before or after it is carried out, late, or carried out twice', async () => {
    const before = count()
    play('create:drop-before x1')
    await expect(lab.create()).rejects.toThrow('fetch failed')
    expect(count()).toBe(before)
    play('create:drop-after x1')
    await expect(lab.create()).rejects.toThrow('fetch failed')
    expect(count()).toBe(before + 1)
    play('create:504-html x1 act=30ms')
    await expect(lab.create()).rejects.toThrow(/JSON/)
    await expect.poll(count).toBe(before + 2)
    play('create:twice x1')
    await lab.create()
    expect(count()).toBe(before + 4)
  })

  test('a list lags, has no meta, and ignores its filters', async () => {
    const { id } = (await lab.create({ hostname: 'laggard' })).json.data
    const query = '/servers?filter[hostname]=laggard&stats[total]=count'
    play('list:lagging for=60000ms')
    expect((await lab.ask('GET', query)).json.data).toEqual([])
    play('list:lagging for=1ms')
    await expect.poll(async () => (await lab.ask('GET', query)).json.data).toMatchObject([{ id }])
    play('list:no-meta')
    expect((await lab.ask('GET', query)).json).toEqual({ data: [expect.objectContaining({ id })] })
    play('list:filter-ignored')
    const all = await lab.ask('GET', query)
    expect(all.json.data.length).toBeGreaterThan(1)
  })

  test('a server is stuck off, stuck while it is deployed, or fails; all can be deleted', async () => {
    const create = async (kind: string) => {
      play(`create:${kind} x1`)
      return String((await lab.create({ hostname: kind })).json.data.id)
    }
    const [off, deploying, failed] = [
      await create('stuck-off'),
      await create('stuck-deploying'),
      await create('failed-deployment'),
    ]
    const fine = String((await lab.create({ hostname: 'fine' })).json.data.id)
    await lab.waitForStatus(failed, 'failed_deployment')
    // By the time another server is on, these would be too.
    await lab.waitForStatus(fine, 'on')
    await lab.waitForStatus(deploying, 'deploying')
    await lab.waitForStatus(off, 'off')
    expect(
      lab
        .devices()
        .filter(isComingUp)
        .map(({ id }) => id),
    ).toEqual(expect.arrayContaining([off, deploying]))
    play('delete:422-provisioning x1')
    expect(await lab.ask('DELETE', `/servers/${off}`)).toMatchObject({ status: 422 })
    for (const id of [off, deploying, failed]) {
      expect(await lab.ask('DELETE', `/servers/${id}`)).toMatchObject({ status: 204 })
      await expect.poll(async () => (await lab.ask('GET', `/servers/${id}`)).status).toBe(404)
    }
    play('reinstall:failed-deployment x1')
    const again = body('reinstalls', { operating_system: 'ipxe', ipxe: shellScript })
    await lab.ask('POST', `/servers/${fine}/reinstall`, again)
    await lab.waitForStatus(fine, 'failed_deployment')
    await lab.ask('POST', `/servers/${fine}/reinstall`, again)
    await lab.waitForStatus(fine, 'on')
  })

  test('faults are set over HTTP in the words of this API', async () => {
    const set = (text: string) =>
      fetch(`${lab.origin}/lab/faults`, { method: 'PUT', headers: { 'x-auth-token': lab.token }, body: text })
    expect((await set('console:422-provisioning')).status).toBe(200)
    expect((await set('events:500')).status).toBe(422)
    expect(lab.faults.list()).toEqual([{ fault: 'console:422-provisioning', played: 0 }])
  })
})
