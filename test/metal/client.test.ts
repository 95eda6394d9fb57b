import { describe, expect, test } from 'vitest'
import { describeError, exitCodeOf, UncertainError } from '../../src/errors.ts'
import { NoAnswerError } from '../../src/http/transport.ts'
import { noAnswer } from '../../src/http/answer.ts'
import { metalDialect } from '../../src/metal/answer.ts'
import { MetalClient } from '../../src/metal/client.ts'
import { createTestClient, dropped, type Reply, startFakeApi } from '../helpers/api-fake.ts'
import { createFastClock } from '../helpers/clock.ts'
import { createRecorder } from '../helpers/recorder.ts'

const device = { id: 'd-1', state: 'active' }

/** Replies in order; the last one repeats. */
function inTurn(...replies: Reply[]): () => Reply {
  let next = 0
  return () => replies[Math.min(next++, replies.length - 1)] ?? dropped
}

/** Ends the connection in the middle of the body. */
const half: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
  response.write('{"id"')
  setTimeout(() => response.destroy(), 20)
}

describe('errors name the operation, the answer and the request', () => {
  test.each<[string, Reply, number, string]>([
    [
      '401',
      { status: 401, json: { error: 'Invalid authentication token' } },
      3,
      'metal: looking up the machine "d-1": the API answered 401 "Invalid authentication token" [request r-1]; --api-key is wrong or has expired; replace it; for a lab, run again: eval "$(metalkit lab env)" (with --name for a named lab)',
    ],
    [
      '404',
      { status: 404, json: { errors: ['Not found'] } },
      4,
      'metal: looking up the machine "d-1": the API answered 404 "Not found" [request r-1]; metalkit ls lists the machines that metalkit created',
    ],
    [
      'several errors',
      { status: 422, json: { errors: ['one', 'two\u001b[2J'] } },
      4,
      'metal: looking up the machine "d-1": the API answered 422 "one; two\\u{1b}[2J" [request r-1]',
    ],
    [
      'a very long message',
      { status: 422, json: { error: 'x'.repeat(600) } },
      4,
      `metal: looking up the machine "d-1": the API answered 422 "${'x'.repeat(500)}" [request r-1]`,
    ],
    [
      'an invalid request id',
      { status: 422, json: { error: 'No' }, headers: { 'x-request-id': 'a b' } },
      4,
      'metal: looking up the machine "d-1": the API answered 422 "No"',
    ],
    [
      'HTML',
      { status: 502, text: '<html>', headers: { 'content-type': 'text/html' } },
      4,
      `metal: looking up the machine "d-1": the API answered 502 ("text/html", not an error in the API's format) [request r-1]`,
    ],
    [
      'truncated JSON',
      { status: 200, text: '{"id": "d-' },
      4,
      'metal: looking up the machine "d-1": the answer (200) is not complete JSON ("application/json", 10 characters) [request r-1]; check that "URL" is a Metal API',
    ],
    [
      'a missing field',
      { status: 200, json: { id: 'd-1' } },
      4,
      'metal: looking up the machine "d-1": the answer (200) has no valid "state" [request r-1]; check that "URL" is a Metal API',
    ],
  ])('%s', async (_, reply, code, message) => {
    await using api = await startFakeApi(() => reply)
    const { client } = createTestClient(api.apiUrl)
    const error: unknown = await client.getDevice('d-1').catch((thrown: unknown) => thrown)
    expect(describeError(error).replace(api.apiUrl, 'URL')).toBe(message)
    expect(exitCodeOf(error)).toBe(code)
  })

  test('no server', async () => {
    const { client } = createTestClient('http://127.0.0.1:9/metal/v1')
    await expect(client.getDevice('d-1')).rejects.toThrow(
      'looking up the machine "d-1": the connection was refused (127.0.0.1:9)',
    )
  })
})

describe('again', () => {
  test('a lost GET and a 503 are retried, and reported from the second time on', async () => {
    await using api = await startFakeApi(inTurn(dropped, { status: 503 }, { status: 200, json: device }))
    const { client, waits, report } = createTestClient(api.apiUrl)
    expect(await client.getDevice('d-1')).toEqual(device)
    expect(waits).toHaveLength(2)
    expect(report.lines.filter((line) => line.includes('trying again'))).toEqual([
      expect.stringMatching(
        /the connection was closed before the answer was complete; trying again (in [\d.]+ s|at once) \(attempt 2\)$/,
      ),
      expect.stringMatching(/the API answered 503; trying again (in [\d.]+ s|at once) \(attempt 3\)$/),
    ])
  })

  test('a request whose answer stops midway is repeated', async () => {
    await using api = await startFakeApi(inTurn(half, { status: 200, json: device }))
    expect(await createTestClient(api.apiUrl).client.getDevice('d-1')).toEqual(device)
  })

  test('a lost POST is not repeated', async () => {
    await using api = await startFakeApi(() => dropped)
    await expect(createTestClient(api.apiUrl).client.act('d-1', 'reboot')).rejects.toThrow('connection was closed')
    expect(api.all).toHaveLength(1)
  })

  test('an abort ends it with the reason', async () => {
    await using api = await startFakeApi(() => ({ status: 503 }))
    const reason = new Error('enough')
    await expect(createTestClient(api.apiUrl).client.getDevice('d-1', AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

test('a list is read through all its pages, and only machines with the tag are returned', async () => {
  const pages = [
    [
      { ...device, id: 'a', tags: ['t'] },
      { ...device, id: 'b', tags: ['other'] },
    ],
    [{ ...device, id: 'c', tags: ['x', 't'] }],
  ]
  await using api = await startFakeApi(({ path }) => {
    const page = Number(new URL(path, 'http://x').searchParams.get('page'))
    return { status: 200, json: { devices: pages[page - 1] ?? [], meta: { next: page < 2 ? { href: 'x' } : null } } }
  })
  const devices = await createTestClient(api.apiUrl).client.listDevices('p', 't')
  expect(devices.map(({ id }) => id)).toEqual(['a', 'c'])
})

test.each<[string, (page: number, count: number) => unknown, number]>([
  ['without meta', () => undefined, 3],
  ['with total only', () => ({ total: 5 }), 3],
  ['whose last_page contradicts next', (page) => ({ last_page: 1, next: page < 3 ? { href: 'x' } : null }), 3],
  ['whose next contradicts last_page', () => ({ last_page: 3, next: null }), 3],
  ['whose next never ends', () => ({ next: { href: 'x' } }), 4],
  ['whose total keeps growing', () => ({ total: 1e9 }), 4],
])('a list %s is read completely, and ends', async (_name, metaOf, requests) => {
  const pages = [['a', 'b'], ['c', 'd'], ['e']]
  await using api = await startFakeApi(({ path }) => {
    const page = Number(new URL(path, 'http://x').searchParams.get('page'))
    const devices = (pages[page - 1] ?? []).map((id) => ({ ...device, id }))
    return { status: 200, json: { devices, meta: metaOf(page, devices.length) } }
  })
  const devices = await createTestClient(api.apiUrl).client.listDevices('p', undefined)
  expect(devices.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(api.all.length).toBeLessThanOrEqual(requests + 1)
})

test('a list that repeats its first page forever ends, and an interrupt ends any list', async () => {
  const page: Reply = { status: 200, json: { devices: [device], meta: { next: { href: 'x' } } } }
  await using api = await startFakeApi(() => page)
  expect(await createTestClient(api.apiUrl).client.listDevices('p', undefined)).toHaveLength(1)
  expect(api.all).toHaveLength(2)
  const reason = new Error('enough')
  const listing = createTestClient(api.apiUrl).client.listDevices('p', undefined, AbortSignal.abort(reason))
  await expect(listing).rejects.toBe(reason)
})

test('an endless list with new machines on every page is an error', async () => {
  await using api = await startFakeApi(({ path }) => {
    const page = new URL(path, 'http://x').searchParams.get('page')
    return { status: 200, json: { devices: [{ ...device, id: `d-${page}` }], meta: { next: { href: 'x' } } } }
  })
  const listing = createTestClient(api.apiUrl).client.listDevices('p', undefined)
  await expect(listing).rejects.toThrow('the list has no end (1000 pages)')
  expect(api.all).toHaveLength(1000)
})

test('an endless answer is an error', { timeout: 60_000 }, async () => {
  await using api = await startFakeApi(() => (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const chunk = 'x'.repeat(65_536)
    const more = () => {
      while (response.write(chunk));
    }
    response.on('drain', more).on('error', () => {})
    more()
  })
  await expect(createTestClient(api.apiUrl).client.act('d-1', 'reboot')).rejects.toThrow(
    'the answer is longer than 8 MB',
  )
})

test('the token is sent as X-Auth-Token and never shown', async () => {
  let header: string | undefined
  await using api = await startFakeApi(() => (response) => {
    header = String(response.req.headers['x-auth-token'])
    response.writeHead(500).end('sesame')
  })
  const { client, report } = createTestClient(api.apiUrl)
  const error: unknown = await client.getDevice('d-1').catch((thrown: unknown) => thrown)
  expect(header).toBe('sesame')
  expect(JSON.stringify([report.lines, describeError(error), String(error)])).not.toContain('sesame')
})

test.each([
  ['https://api.equinix.com/metal/v1', /closed on 2026-06-30.*metalkit lab$/],
  ['https://api.example.com/metal/v1', /^check "https:\/\/api.example.com\/metal\/v1" and the network$/],
])('if %s does not answer, the hint says what to do', (apiUrl, hint) => {
  const call = { method: 'GET', path: '/projects/p', doing: 'looking' } as const
  expect(
    noAnswer(call, new NoAnswerError('no answer came in time', undefined), metalDialect({ apiUrl }, 'x')).hint,
  ).toMatch(hint)
})

const input = {
  plan: 'p',
  metro: 'am',
  operating_system: 'custom_ipxe',
  billing_cycle: 'hourly' as const,
  hostname: 'h',
  ipxe_script_url: 'http://x/y',
  always_pxe: false,
  tags: [],
}
const slow =
  (delayMs: number): Reply =>
  (response) => {
    setTimeout(() => {
      response.writeHead(201, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ id: 'd-1', state: 'queued' }))
    }, delayMs)
  }
const clientOf = (apiUrl: string, factor: number) =>
  new MetalClient({ apiUrl, token: 'x', env: {}, report: createRecorder(), clock: createFastClock(factor) })

describe('a create that takes long', { timeout: 30_000 }, () => {
  test('may take longer than any other call', async () => {
    await using api = await startFakeApi(() => slow(5000))
    const client = clientOf(api.apiUrl, 20)
    expect(await client.createDevice('p-1', input)).toMatchObject({ id: 'd-1' })
    expect(api.all).toHaveLength(1)
  })

  test('is uncertain some seconds after an interrupt', async () => {
    const interrupt = new AbortController()
    await using api = await startFakeApi(() => {
      interrupt.abort()
      return slow(20_000)
    })
    const startedMs = performance.now()
    await expect(clientOf(api.apiUrl, 100).createDevice('p-1', input, interrupt.signal)).rejects.toThrow(UncertainError)
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})

test('an answer that trickles in without end is given up', async () => {
  const timers: NodeJS.Timeout[] = []
  await using api = await startFakeApi(() => (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    timers.push(setInterval(() => response.write(' '), 20))
  })
  // A request is sent six times, each answer may take 600 ms.
  await expect(clientOf(api.apiUrl, 100).getDevice('d-1')).rejects.toThrow('the answer takes too long')
  for (const timer of timers) clearInterval(timer)
  expect(api.all).toHaveLength(6)
})
