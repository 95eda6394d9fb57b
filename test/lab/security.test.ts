// Input from the API or from a machine stays data: no script, argument, log line or path interprets it.
import { connect } from 'node:net'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { MachineSpec } from '../../src/lab/machines/driver.ts'
import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'
import { bootUrlOf, startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'

const specs: MachineSpec[] = []
const simulated = createSimulatedDriver({ lineDelayMs: 1, selfTestMs: 0 })
let lab: TestLab
beforeAll(async () => {
  lab = await startTestLab({
    driver: {
      kind: 'simulated',
      powerOn(spec) {
        specs.push(spec)
        return simulated.powerOn(spec)
      },
    },
  })
})
afterAll(() => lab[Symbol.asyncDispose]())

const good = {
  plan: 'c3.small.x86',
  metro: 'ny',
  operating_system: 'custom_ipxe',
  ipxe_script_url: 'http://127.0.0.1:1/x',
}
const create = (body: object) => lab.call('POST', `/projects/${lab.projectId}/devices`, { ...good, ...body })

/** The boot server's answer to a device. */
async function scriptOf(id: string): Promise<string> {
  return await (await fetch(`${bootUrlOf(lab, id)}/auto.ipxe`)).text()
}

/** Texts with a special meaning for a shell, QEMU's options, iPXE, terminals, paths or JavaScript. */
const nasty = [
  '$(id)',
  '`id`',
  ';id',
  '|| shell',
  '&& id',
  'a,restrict=on',
  'a,,b',
  '-monitor',
  '--help',
  'a b',
  'a\nb',
  'a\r\nshell',
  '\u0000',
  '\u001b[2J',
  '../../etc/passwd',
  '${net0/mac}',
  '__proto__',
  'constructor',
  '<script>',
  '"quoted"',
  "it's",
  '\u202egnp',
  'é'.repeat(300),
]

test.each(nasty.filter((text) => text !== 'constructor'))('as a host name %j is refused', async (hostname) => {
  const { status, json } = await create({ hostname })
  expect([status, json]).toEqual([422, { errors: ['Hostname is invalid'] }])
  const own = await create({ hostname: 'good' })
  expect((await lab.call('PUT', `/devices/${own.json.id}`, { hostname })).status).toBe(422)
})

test.each(nasty)('as a tag, description, customdata and label %j comes back unchanged', async (text) => {
  const { status, json } = await create({ tags: [text], description: text, customdata: { [text]: text } })
  expect([status, json.tags, json.description]).toEqual([201, [text], text])
  expect(Object.entries((await lab.call('GET', `/devices/${json.id}/customdata`)).json)).toEqual(
    text === '__proto__' ? [] : [[text, text]],
  )
  const query = new URLSearchParams({ tag: text, per_page: '1000' })
  const { json: list } = await lab.call('GET', `/projects/${lab.projectId}/devices?${query.toString()}`)
  expect(list.devices.map(({ id }: { id: string }) => id)).toEqual([json.id])
  expect(await scriptOf(json.id)).toBe(
    (await scriptOf((await create({ hostname: json.hostname })).json.id)).replaceAll(
      /boot\/[\w-]+/g,
      new URL(bootUrlOf(lab, json.id)).pathname.slice(1),
    ),
  )
})

test.each([
  ...nasty.filter((text) => /[\s\p{Cc}]/u.test(text)).map((text) => `http://127.0.0.1:1/${text}`),
  'file:///etc/passwd',
  'javascript:1',
  'tftp://h/x',
  '//h/x',
])('as a script URL %j is refused', async (url) => {
  const { status, json } = await create({ ipxe_script_url: url })
  expect([status, json]).toEqual([422, { errors: [`${url} is not a valid ipxe_script_url`] }])
})

test.each(nasty.filter((text) => !/[\s\p{Cc}]/u.test(text)).map((text) => `http://127.0.0.1:1/${text}`))(
  'as a script URL %j stays one word in one line',
  async (url) => {
    const { status, json } = await create({ ipxe_script_url: url })
    expect(status).toBe(201)
    const lines = (await scriptOf(json.id)).split('\n').filter((line) => line.includes(url))
    expect(lines).toEqual([`chain --autofree ${url}`])
  },
)

test.each(nasty)('as userdata %j is only shown to the machine', async (text) => {
  const userdata = `#!ipxe\n${text}`
  const { json } = await create({ ipxe_script_url: undefined, userdata })
  expect((await lab.call('GET', `/devices/${json.id}/userdata`)).json).toEqual({ userdata })
  const spec = await waitUntil(
    () => specs.find(({ id }) => id === json.id),
    (found) => found !== undefined,
  )
  expect(JSON.stringify({ ...spec })).not.toContain(JSON.stringify(text).slice(1, -1))
})

test('customdata nested thousands deep is refused, at a create and a change, and the lab keeps running', async () => {
  const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
  const body = JSON.stringify({ ...good, customdata: '?' }).replace('"?"', deep)
  const refused = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  expect([refused.status, refused.json]).toEqual([422, { errors: ['customdata is invalid'] }])
  const { json } = await create({ customdata: { a: { b: [1] } } })
  expect((await lab.call('PUT', `/devices/${json.id}`, `{"customdata":${deep}}`)).status).toBe(422)
  expect((await lab.call('GET', `/devices/${json.id}/customdata`)).json).toEqual({ a: { b: [1] } })
})

test('no input has polluted a prototype or controlled the terminal', () => {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(lab.lines.length).toBeGreaterThan(100)
  expect(lab.lines.filter((line) => /\p{Cc}/u.test(line))).toEqual([])
  expect(lab.lines.join('\n')).not.toContain(lab.token)
})

describe('the routes that machines reach without a token', () => {
  test.each([
    '/boot/',
    '/boot/x/auto.ipxe',
    '/boot/../metal/v1/user',
    '/boot/x/..%2f..%2fmetal/v1/user',
    '/',
    '/lab',
    '//',
  ])('%s reveals nothing', async (path) => {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 40[014] /)
    expect(answer).not.toContain(lab.projectId)
  })

  test.each(['auto.ipxe', 'userdata', 'metadata', 'events', 'phone-home', '2009-04-04/user-data'])(
    "a device's id does not open its %s, which its own secret does",
    async (path) => {
      const { json } = await create({})
      const [id, secret] = [`${new URL(lab.apiUrl).origin}/boot/${json.id}`, bootUrlOf(lab, json.id)]
      const request: RequestInit =
        path === 'events' ? { method: 'POST', body: '{"state":"running","code":1000}' } : { method: 'GET' }
      expect((await fetch(`${id}/${path}`, request)).status).toBe(404)
      expect((await fetch(`${secret}/${path}`, request)).status).toBe(200)
      const key = new URL(secret).pathname.split('/')[2] ?? ''
      expect(JSON.stringify((await lab.call('GET', `/devices/${json.id}`)).json)).not.toContain(key)
      expect(lab.lines.join('\n')).not.toContain(key)
    },
  )

  test.each(['evil.example/"', 'a b', '<x>', 'user@host'])('a Host of %j appears in no URL', async (host) => {
    const { json } = await create({})
    const answer = await raw(
      `GET ${new URL(bootUrlOf(lab, json.id)).pathname}/metadata HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
    )
    expect(answer).not.toContain(host)
  })

  test('a body that is too long is refused before it is complete', async () => {
    const { json } = await create({})
    const body = 'x'.repeat(1024 * 1024 + 1)
    const head = `POST ${new URL(bootUrlOf(lab, json.id)).pathname}/events HTTP/1.1\r\nhost: h\r\ncontent-length: ${2 ** 40}\r\n\r\n`
    expect(await raw(`${head}${body}`)).toMatch(/^HTTP\/1\.1 413 /)
  })
})

/** Sends bytes to the lab and returns the complete response. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(new URL(lab.apiUrl).port), '127.0.0.1', () => socket.write(text))
    socket.on('data', (bytes) => (answer += bytes.toString()))
    socket.on('close', () => resolve(answer))
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
  })
}
