import { describe, expect, test } from 'vitest'

import { bootUrlOf, startTestLab, waitForState, waitUntil } from '../../helpers/lab.ts'
import { machineMetadata } from './answer-schemas.ts'
import { fakeBzImage } from '../../helpers/image.ts'
import { bootScriptFor, serveFiles } from '../machines/boot-files.ts'

const url = '#!ipxe\nsleep 600'

async function start(body: object = {}) {
  const lab = await startTestLab()
  const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'custom_ipxe',
    hostname: 'box',
    userdata: url,
    customdata: { colour: 'blue' },
    tags: ['a', 'b'],
    ...body,
  })
  expect(status, JSON.stringify(json)).toBe(201)
  await waitForState(lab, json.id, 'active')
  const base = bootUrlOf(lab, json.id)
  return {
    lab,
    id: String(json.id),
    base,
    get: async (path: string) => {
      const response = await fetch(`${base}${path}`)
      return { status: response.status, text: await response.text() }
    },
    post: async (path: string, text: string) => {
      const response = await fetch(`${base}${path}`, { method: 'POST', body: text })
      return { status: response.status, text: await response.text() }
    },
    newestEvent: async () => (await lab.call('GET', `/devices/${json.id}/events`)).json.events[0],
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}

test("a machine's metadata matches the schema, with URLs on the requested host", async () => {
  await using own = await start()
  const { status, text } = await own.get('/metadata')
  expect(status).toBe(200)
  const metadata = machineMetadata.parse(JSON.parse(text))
  expect(metadata).toMatchObject({
    id: own.id,
    hostname: 'box',
    plan: 'c3.small.x86',
    facility: 'ny5',
    metro: 'ny',
    tags: ['a', 'b'],
    customdata: { colour: 'blue' },
    api_url: own.lab.apiUrl,
    user_state_url: `${own.base}/events`,
    phone_home_url: `${own.base}/phone-home`,
  })
  expect(metadata.ssh_keys).toHaveLength(1)
  expect(metadata.ssh_keys[0]).toMatch(/^ssh-ed25519 /)
  expect(metadata.network.addresses).toHaveLength(3)
  expect((await own.get('/auto.ipxe')).status).toBe(200)
  expect((await own.get('/autoxipxe')).status).toBe(404)
  const nowhere = await fetch(`${own.base.replace(/[^/]+$/, 'nobody')}/metadata`)
  expect([nowhere.status, await nowhere.json()]).toEqual([404, { message: 'resource not found' }])
})

test('the EC2-style tree lists names at its branches and texts at its leaves', async () => {
  await using own = await start()
  const { json: device } = await own.lab.call('GET', `/devices/${own.id}`)
  const names =
    'instance-id hostname local-hostname iqn plan facility metro tags operating-system public-keys public-ipv4 public-ipv6 local-ipv4'
  const rows: [path: string, status: number, text: string | RegExp][] = [
    ['', 200, 'meta-data\nuser-data'],
    ['/', 200, 'meta-data\nuser-data'],
    ['/meta-data', 200, names.replaceAll(' ', '\n')],
    ['/meta-data/', 200, names.replaceAll(' ', '\n')],
    ['/meta-data/hostname', 200, 'box'],
    ['/meta-data/instance-id', 200, own.id],
    ['/meta-data/tags', 200, 'a\nb'],
    ['/meta-data/public-keys', 200, /^ssh-ed25519 /],
    ['/meta-data/public-ipv4', 200, device.ip_addresses[0].address],
    ['/meta-data/local-ipv4', 200, device.ip_addresses[2].address],
    ['/meta-data/operating-system/slug', 200, 'custom_ipxe'],
    ['/meta-data/operating-system/license_activation', 200, 'state'],
    ['/user-data', 200, url],
    ['/meta-data/nothing', 404, '{"message":"resource not found"}'],
    ['/meta-data/toString', 404, '{"message":"resource not found"}'],
    ['/meta-data/__proto__', 404, '{"message":"resource not found"}'],
    ['/meta-data/hostname/length', 404, '{"message":"resource not found"}'],
  ]
  for (const [path, status, text] of rows) {
    const answer = await own.get(`/2009-04-04${path}`)
    expect([path, answer.status]).toEqual([path, status])
    if (typeof text === 'string') expect(answer.text).toBe(text)
    else expect(answer.text).toMatch(text)
  }
  expect(await own.get('/userdata')).toEqual({ status: 200, text: url })
})

describe('reports of a machine', () => {
  test('becomes an event', async () => {
    await using own = await start()
    const said = { state: 'succeeded', code: 1042, message: 'all\u001b[31m done\r\n' }
    expect(await own.post('/events', JSON.stringify(said))).toEqual({ status: 200, text: '' })
    expect(await own.newestEvent()).toMatchObject({ type: 'user.1042', state: 'succeeded', body: 'all [31m done' })
  })

  test.each([
    'nonsense',
    '[]',
    '{}',
    '{"state":"running","code":999}',
    '{"state":"running","code":1100}',
    '{"state":"running","code":"1e3"}',
    '{"state":"running","code":"999"}',
    '{"state":"asleep","code":1000}',
    JSON.stringify({ state: 'running', code: 1000, message: 'x'.repeat(5000) }),
  ])('is refused if malformed: %.60s', async (text) => {
    await using own = await start()
    expect((await own.post('/events', text)).status).toBe(400)
    expect((await own.newestEvent()).type).not.toContain('user.')
  })

  test('does not accumulate without limit', async () => {
    await using own = await start()
    const said = JSON.stringify({ state: 'running', code: 1000, message: 'again' })
    for (let round = 0; round < 11; round++) {
      await Promise.all(Array.from({ length: 100 }, () => own.post('/events', said)))
    }
    const { json } = await own.lab.call('GET', `/devices/${own.id}/events?per_page=1`)
    expect(json.meta.total).toBe(1000)
  })

  test('a phone-home after the device is ready changes nothing', async () => {
    await using own = await start()
    const count = async () => (await own.lab.call('GET', `/devices/${own.id}/events`)).json.meta.total
    const before = await count()
    for (const body of ['', '{"instance_id":"x"}', 'type=provisioning.109', '{"type":"provisioning.110"}']) {
      expect(await own.post('/phone-home', body)).toEqual({ status: 200, text: 'ok\n' })
    }
    expect(await count()).toBe(before)
    await own.post('/phone-home', 'body=Device connected&type=provisioning.104.01')
    expect((await own.newestEvent()).type).toBe('provisioning.104.01')
  })
})

test('a simulated machine reports after each boot that it is up', async () => {
  await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
  files.files['x'] = bootScriptFor(files.url)
  await using own = await start({ userdata: '', ipxe_script_url: `${files.url}/x`, always_pxe: true })
  const countUps = async () => {
    const { json } = await own.lab.call('GET', `/devices/${own.id}/events?per_page=1000`)
    return json.events.filter(
      ({ type, state, body }: Record<string, string>) =>
        type === 'user.1000' && state === 'succeeded' && body === 'simulated machine is up',
    ).length
  }
  await waitUntil(countUps, (count) => count === 1)
  await own.lab.call('POST', `/devices/${own.id}/actions`, { type: 'reboot' })
  await waitUntil(countUps, (count) => count === 2)
})
