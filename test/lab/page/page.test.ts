// The lab's page without a browser: who gets access, and which messages a page receives.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { ConsoleMemory } from '../../../src/lab/cloud/console-memory.ts'
import { FetchTrail } from '../../../src/lab/cloud/fetch-trail.ts'
import { isOwnHost, isOwnOrigin } from '../../../src/lab/page/guard.ts'
import type {
  LabMessage,
  MachineDetail,
  MachineSummary,
  PageMessage,
  StockView,
} from '../../../src/lab/page/messages.ts'
import { fakeBzImage } from '../../helpers/image.ts'
import { Hardware } from '../../helpers/hardware.ts'
import { needs } from '../../helpers/needs.ts'
import { program } from '../../helpers/program.ts'
import { startTestLab, type TestLab, waitForState, waitUntil } from '../../helpers/lab.ts'
import { bootScriptFor, serveFiles } from '../machines/boot-files.ts'

const pageFolder = join(dirname(program), 'page')

/** Opens the page's connection as a browser would. */
async function openPage(
  lab: TestLab,
  first: object | undefined = { type: 'hello', token: lab.token },
  origin?: string,
) {
  const url = new URL('/page/live', lab.apiUrl)
  const socket = new WebSocket(`ws://${url.host}${url.pathname}`, { origin: origin ?? url.origin })
  const seen = {
    machines: [] as MachineSummary[],
    detail: undefined as MachineDetail | undefined,
    console: '',
    /** How often the console was shown from the start. */
    looks: 0,
    denied: false,
    /** The machines of a rack. */
    stock: undefined as StockView[] | undefined,
  }
  socket.on('message', (data: Buffer) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test checks it
    const message = JSON.parse(data.toString()) as LabMessage
    if (message.type === 'machines') seen.machines = message.machines
    if (message.type === 'detail') seen.detail = message.detail
    if (message.type === 'stock') seen.stock = message.machines
    if (message.type === 'denied') seen.denied = true
    if (message.type === 'console') {
      const text = Buffer.from(message.data, 'base64').toString()
      seen.console = message.isStart ? text : seen.console + text
      if (message.isStart) seen.looks++
    }
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'open')
  const send = (message: PageMessage | object) => socket.send(JSON.stringify(message))
  if (first !== undefined) send(first)
  return {
    seen,
    send,
    type: (text: string) => send({ type: 'keys', data: Buffer.from(text).toString('base64') }),
    closed,
    [Symbol.dispose]: () => socket.terminate(),
  }
}

async function createMachine(lab: TestLab, hostname: string): Promise<string> {
  const script = '#!ipxe\necho here\nshell'
  const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname, userdata: script }
  const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  await waitForState(lab, String(json.id), 'active')
  return String(json.id)
}

/** Sends a request with headers that fetch does not allow. */
async function ask(lab: TestLab, path: string, headers: Record<string, string> = {}) {
  const sent = request(new URL(path, lab.apiUrl), { headers }).end()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- once has no types for its events
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, headers: response.headers, text }
}

describe('the page', () => {
  test('is served with its parts, without secrets, and with headers that keep other sites out', async () => {
    await using lab = await startTestLab({ pageFolder })
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/page/app.js', 'text/javascript'],
      ['/page/app.css', 'text/css'],
    ]) {
      const { status, headers, text } = await ask(lab, path ?? '')
      expect([status, headers['content-type']?.split(';')[0]]).toEqual([200, type])
      expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';")
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      })
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(text).not.toContain(lab.token)
    }
    expect((await ask(lab, '/page/../metal/v1/user')).status).toBe(401)
    expect((await ask(lab, '/page/index.html')).status).toBe(404)
  })

  test('refuses a foreign host name that points to this computer', async () => {
    await using lab = await startTestLab({ pageFolder })
    expect((await ask(lab, '/', { host: 'evil.example' })).status).toBe(421)
    expect((await ask(lab, '/', { host: 'localhost:1' })).status).toBe(200)
  })

  test('does not exist without its files', async () => {
    await using lab = await startTestLab()
    expect((await ask(lab, '/')).status).toBe(404)
  })
})

describe('its connection', () => {
  test.each([
    ['another site', 'http://evil.example'],
    ['another port of this computer', 'http://127.0.0.1:1'],
    ['a file', 'null'],
    ['https', 'https://127.0.0.1'],
  ])('is refused to %s', async (_who, origin) => {
    await using lab = await startTestLab({ pageFolder })
    await expect(openPage(lab, undefined, origin)).rejects.toThrow('403')
  })

  test.each<[what: string, first: object]>([
    ['a wrong token', { type: 'hello', token: 'wrong' }],
    ['no token', { type: 'look', id: 'x' }],
    ['nonsense', { type: 'hello' }],
  ])('ends at %s, and sends nothing before', async (_what, first) => {
    await using lab = await startTestLab({ pageFolder })
    await createMachine(lab, 'web1')
    using page = await openPage(lab, first)
    await page.closed
    expect(page.seen).toEqual({
      machines: [],
      detail: undefined,
      console: '',
      looks: 0,
      denied: true,
      stock: undefined,
    })
  })

  test('reports the machines of a rack, with their power and the devices that have them', async () => {
    const hardware = new Hardware({ r1: 'nuc', r2: 'nuc', r3: 'nuc', r4: 'nuc' }, ['r4'])
    const { driver, inventory, catalogue } = hardware
    hardware.aside.set('r2', 'its BMC does not answer')
    hardware.aside.set('r4', 'it is in use')
    await using lab = await startTestLab({ name: 'attic', pageFolder, driver, inventory, catalogue, isLab: false })
    using page = await openPage(lab)
    const body = { plan: 'nuc', metro: 'home', operating_system: 'custom_ipxe', userdata: '#!ipxe', hostname: 'box' }
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
    const device = { id: json.id, hostname: 'box' }
    await waitUntil(
      () => page.seen.stock?.[0],
      (first) => first?.power === 'on',
    )
    expect(page.seen.stock).toEqual([
      { name: 'r1', plan: 'nuc', power: 'on', use: 'taken', device },
      { name: 'r2', plan: 'nuc', power: 'unknown', use: 'set aside', why: 'its BMC does not answer' },
      { name: 'r3', plan: 'nuc', power: 'off', use: 'free' },
      { name: 'r4', plan: 'nuc', power: 'unknown', use: 'in use' },
    ])
    expect(page.seen.machines).toMatchObject([{ id: json.id, machine: 'r1', power: 'on' }])
    await lab.call('DELETE', `/devices/${json.id}?force_delete=true`)
    await waitUntil(
      () => page.seen.stock?.[0],
      (first) => first?.use === 'free',
    )
    const html = await (await fetch(new URL('/', lab.apiUrl))).text()
    expect(html).toContain('<h1>metalkit rack</h1>')
    expect(html).toContain('metalkit lab page --name attic<')
    expect(html).toContain('metalkit rack env --name attic<')
    expect(html).not.toMatch(/%noun|%flag|lab does not|this lab<|another lab/)
  })

  test('reports the machines, one of them with its events, script, fetches and console so far', async () => {
    await using lab = await startTestLab({ pageFolder })
    const id = await createMachine(lab, 'web1')
    using page = await openPage(lab)
    await waitUntil(
      () => page.seen.machines,
      (machines) => machines[0]?.hostname === 'web1',
    )
    expect(page.seen.machines).toMatchObject([
      { id, plan: 'c3.small.x86', state: 'active', percentage: 100, power: 'on' },
    ])
    page.send({ type: 'look', id })
    await waitUntil(
      () => page.seen.console,
      (text) => text.includes('iPXE> '),
    )
    const { detail } = page.seen
    expect(detail?.events[0]?.body).toBe('Provision complete! Your device is ready to go.')
    expect(detail?.script).toContain('echo here')
    expect(detail?.fetched.map(({ what, result }) => [what.split('/').at(-1), result])).toEqual([
      ['auto.ipxe', 'ok'],
      ['phone-home', 'ok'],
    ])
  })

  test('has the keyboard if no other page and no SOS session has it', needs('ssh'), async () => {
    await using lab = await startTestLab({ pageFolder })
    const id = await createMachine(lab, 'web1')
    using one = await openPage(lab)
    using other = await openPage(lab)
    for (const page of [one, other]) page.send({ type: 'look', id })
    const sees = (page: typeof one, expected: string) =>
      waitUntil(
        () => page.seen.detail?.keyboard,
        (keyboard) => keyboard === expected,
      )
    await sees(other, 'free')
    one.send({ type: 'take' })
    await sees(other, 'taken')
    await sees(one, 'yours')
    other.send({ type: 'take' })
    const files = ['-i', lab.userKeyPath, '-o', `UserKnownHostsFile=${lab.knownHostsPath}`, '-o', 'BatchMode=yes']
    const openSos = () => spawn('ssh', ['-T', '-p', String(lab.sos.port), ...files, `${id}@127.0.0.1`])
    const refused = openSos()
    expect(String(await once(refused.stderr, 'data'))).toContain('SOS session refused')
    one.send({ type: 'release' })
    await sees(other, 'free')
    const session = openSos()
    expect(String(await once(session.stdout, 'data'))).toContain('SOS Session Ready')
    await sees(one, 'taken')
    one.send({ type: 'take' })
    await sees(one, 'taken')
    session.kill()
    await sees(one, 'free')
  })
})

test('drops keys from a page that does not have the keyboard', async () => {
  await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
  files.files['x'] = bootScriptFor(files.url)
  await using lab = await startTestLab({ pageFolder })
  const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', ipxe_script_url: `${files.url}/x` }
  const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  using one = await openPage(lab)
  using other = await openPage(lab)
  const look = { type: 'look', id: String(json.id) }
  for (const page of [one, other]) page.send(look)
  const shows = (text: string) =>
    waitUntil(
      () => one.seen.console,
      (shown) => shown.includes(text),
    )
  await shows('simulated machine is up')
  one.send({ type: 'take' })
  other.type('echo not heard\r')
  // The next message has been answered, so these have been handled too.
  other.send(look)
  await waitUntil(
    () => other.seen.looks,
    (looks) => looks === 2,
  )
  one.type('echo heard\r')
  await shows('\nheard\r\n')
  expect(one.seen.console).not.toContain('not heard')
})

test('keeps the last 64 KiB of a console and its last fifty fetches', () => {
  const memory = new ConsoleMemory()
  for (let line = 0; line < 6000; line++) memory.take(Buffer.from(`line ${line} of many\r\n`), line)
  const recent = memory.recent.toString()
  expect(recent).toHaveLength(64 * 1024)
  expect(recent.endsWith('line 5999 of many\r\n')).toBe(true)
  for (let file = 0; file < 60; file++) memory.take(Buffer.from(`http://h/${file}... ok\r\n`), file)
  expect(memory.fetched.map(({ what }) => what)).toEqual(
    Array.from({ length: 50 }, (_, index) => `http://h/${index + 10}`),
  )
})

test.each<[host: string | undefined, own: boolean]>([
  ['127.0.0.1:7070', true],
  ['localhost', true],
  ['[::1]:7070', true],
  ['192.0.2.7:7070', true],
  ['lab.example:7070', false],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['127.0.0.1@evil.example', false],
  ['', false],
  [undefined, false],
])('the Host %j is our own: %j', (host, own) => {
  expect(isOwnHost(host)).toBe(own)
  expect(isOwnOrigin(`http://${host}`, host, false)).toBe(own)
  expect(isOwnOrigin(`https://${host}`, host, true)).toBe(own)
  expect(isOwnOrigin(`http://${host}`, host, true)).toBe(false)
  expect(isOwnOrigin(`https://${host}`, host, false)).toBe(false)
})

test.each<[what: string, printed: string, fetched: object[]]>([
  ['a fetch', 'http://h/k... ok\r\n', [{ what: 'http://h/k', ms: 1, result: 'ok' }]],
  ['progress', '/k...  5%\b\b\b\b 50%\b\b\b\b    \b\b\b\b ok\r\n', [{ what: '/k', ms: 1, result: 'ok' }]],
  [
    'an error',
    '/k... Not found (http://ipxe.org/2d0c618e)\r\n',
    [{ what: '/k', ms: 1, result: 'Not found (http://ipxe.org/2d0c618e)' }],
  ],
  ['a fetch that continues', '/k... 10%', [{ what: '/k' }]],
  [
    'a line as wide as the screen',
    `http://h/${'x'.repeat(65)}... ok\r\n/k... ok\r\n`,
    [
      { what: `http://h/${'x'.repeat(65)}`, ms: 0, result: 'ok' },
      { what: '/k', ms: 1, result: 'ok' },
    ],
  ],
  [
    'a wrapped line',
    `http://h/${'x'.repeat(71)}\r\nyz... ok\r\n`,
    [{ what: `http://h/${'x'.repeat(71)}yz`, ms: 1, result: 'ok' }],
  ],
  [
    'a full line before it that is not a URL',
    `Filename: http://h/${'x'.repeat(61)}\r\nhttp://h/${'x'.repeat(61)}... ok\r\n`,
    [{ what: `http://h/${'x'.repeat(61)}`, ms: 1, result: 'ok' }],
  ],
  ['other text that ends in dots', 'Configuring (net0 02:00:00:00:00:00)...... ok\r\nLoading...\r\n', []],
  ['colours', '\u001b[0;1m/k...\u001b[0m ok\n', [{ what: '/k', ms: 1, result: 'ok' }]],
])('the screen shows %s', (_what, printed, fetched) => {
  const trail = new FetchTrail()
  // The end of the line comes a millisecond later.
  trail.take(printed.trimEnd(), 10)
  trail.take(printed.slice(printed.trimEnd().length), 11)
  expect(trail.fetched).toEqual(fetched)
})
