import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { describeError, flattenErrors, InterruptedError, MetalkitError } from '../../src/errors.ts'
import { deleteUntilGone } from '../../src/machine/delete.ts'
import { rentMachine } from '../../src/machine/machine.ts'
import type { Cloud } from '../../src/machine/cloud.ts'
import { createTestCloud, dropped, type Reply, type Seen, startFakeApi } from '../helpers/api-fake.ts'
import { createRecorder } from '../helpers/recorder.ts'

const never = new AbortController().signal
const gone: Reply = { status: 404, json: { error: 'Not found' } }
const deviceOf = (state: string, more = {}): Reply => ({ status: 200, json: { id: 'd-1', state, ...more } })
const methods = (all: Seen[]) => all.map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)

const target = { id: 'd-1', projectId: undefined }

async function rent(cloud: Cloud, keep = false, forced = never, report = createRecorder(), signal = never) {
  const order = { plan: 'p', place: 'am', hostname: 'h', scriptUrl: 'http://x/y', alwaysPxe: true }
  return rentMachine({
    cloud,
    order,
    runId: 'run1',
    keep,
    report,
    signal,
    forced,
  })
}

describe('create exactly once', () => {
  const created = { id: 'd-1', state: 'queued', tags: ['metalkit', 'metalkit-run-run1'] }
  const empty: Reply = { status: 200, json: { devices: [], meta: { next: null } } }
  const found: Reply = { status: 200, json: { devices: [created], meta: { next: null } } }

  test.each<[string, Reply[], Reply[], string[]]>([
    ['answered', [{ status: 201, json: created }], [], ['POST']],
    ['lost after it took effect: found by its tag', [dropped], [found], ['POST', 'GET']],
    ['500 after it took effect: found late', [{ status: 500 }], [empty, empty, found], ['POST', 'GET', 'GET', 'GET']],
    ['unreadable: found', [{ status: 201, text: '{' }], [found], ['POST', 'GET']],
    [
      'lost before it took effect: created again',
      [dropped, { status: 201, json: created }],
      [empty],
      ['POST', 'GET', 'GET', 'GET', 'GET', 'POST'],
    ],
    [
      'lost, and one failed lookup: created again',
      [dropped, { status: 201, json: created }],
      [{ status: 401, json: { error: 'no' } }, empty],
      ['POST', 'GET', 'GET', 'GET', 'GET', 'POST'],
    ],
    ['429: sent again', [{ status: 429 }, { status: 201, json: created }], [empty], ['POST', 'GET', 'POST']],
    ['429 after it took effect: found before another is sent', [{ status: 429 }], [found], ['POST', 'GET', 'GET']],
  ])('%s', async (_, posts, gets, expected) => {
    await using api = await startFakeApi(({ method }) =>
      method === 'POST' ? (posts.shift() ?? gone) : ((gets.length > 1 ? gets.shift() : gets[0]) ?? gone),
    )
    const { cloud } = await createTestCloud(api.apiUrl)
    const machine = await rent(cloud, true)
    expect(machine.record.id).toBe('d-1')
    expect(api.all.map(({ method }) => method)).toEqual(expected)
  })

  test('a refused create is not repeated, and the error quotes the API', async () => {
    await using api = await startFakeApi(() => ({ status: 422, json: { errors: ['x is not a valid plan'] } }))
    await expect(rent((await createTestCloud(api.apiUrl)).cloud)).rejects.toThrow(
      'creating a machine: the API answered 422 "x is not a valid plan"',
    )
    expect(api.all.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  test('a create whose answer is always lost is sent three times at most', async () => {
    await using api = await startFakeApi(({ method }) => (method === 'POST' ? dropped : empty))
    const error: unknown = await rent((await createTestCloud(api.apiUrl)).cloud).catch((thrown: unknown) => thrown)
    expect(flattenErrors(error).map(describeError)).toEqual([
      expect.stringMatching(/^metal: creating a machine: /),
      expect.stringMatching(
        /^machine: a create of a machine tagged "metalkit-run-run1" got no clear answer, and no machine has appeared/,
      ),
    ])
    expect(api.all.filter(({ method }) => method === 'POST')).toHaveLength(3)
  })

  test('if the look-up fails too, the error names the tag', async () => {
    await using api = await startFakeApi(() => dropped)
    const error: unknown = await rent((await createTestCloud(api.apiUrl)).cloud).catch((thrown: unknown) => thrown)
    expect(describeError(flattenErrors(error).at(-1))).toMatch(
      /^machine: a create of a machine tagged "metalkit-run-run1" got no clear answer, and looking for it failed/,
    )
  })

  test('a machine found only by a later look-up goes back, and no machine is said to be left', async () => {
    let looks = 0
    let isThere = true
    await using api = await startFakeApi(({ method, path }) => {
      if (method === 'POST') return dropped
      if (method === 'DELETE') isThere = false
      if (!path.startsWith('/projects/'))
        return method === 'DELETE' ? { status: 204 } : isThere ? deviceOf('active') : gone
      if (++looks <= 4) return { status: 401, json: { error: 'no' } }
      return isThere ? found : empty
    })
    const error: unknown = await rent((await createTestCloud(api.apiUrl)).cloud).catch((thrown: unknown) => thrown)
    expect(isThere).toBe(false)
    expect(error).toMatchObject({ exitCode: 3, message: expect.stringContaining("listing the project's machines") })
  })

  test('a second interrupt waits briefly for the answer and names the tag', async () => {
    const force = new AbortController()
    await using api = await startFakeApi(() => () => force.abort(new InterruptedError('SIGINT')))
    await expect(rent((await createTestCloud(api.apiUrl)).cloud, false, force.signal)).rejects.toThrow(
      /"metalkit-run-run1" was being created/,
    )
  })

  test('the request', async () => {
    await using api = await startFakeApi(() => ({ status: 201, json: created }))
    await rent((await createTestCloud(api.apiUrl)).cloud, true)
    expect(api.all[0]?.body).toEqual({
      plan: 'p',
      metro: 'am',
      hostname: 'h',
      ipxe_script_url: 'http://x/y',
      always_pxe: true,
      operating_system: 'custom_ipxe',
      billing_cycle: 'hourly',
      tags: ['metalkit', 'metalkit-run-run1'],
    })
  })
})

/** Deletes with a second interrupt during the first DELETE. */
async function forcedAt(refuse: Reply, last: Reply[], gets: Reply) {
  const force = new AbortController()
  await using api = await startFakeApi(({ method }) => {
    if (method !== 'DELETE') return gets
    if (force.signal.aborted) return last.shift() ?? (() => {})
    force.abort(new InterruptedError('SIGINT'))
    return refuse
  })
  const { cloud } = await createTestCloud(api.apiUrl)
  const error: unknown = await deleteUntilGone(cloud, target, createRecorder(), force.signal).catch(
    (thrown: unknown) => thrown,
  )
  return {
    said: error === undefined ? 'deleted' : describeError(error),
    methods: api.all.map(({ method }) => method),
  }
}

describe('delete until gone', () => {
  const denied: Reply = { status: 403, json: { errors: ['no'] } }
  const none: Reply = { status: 200, json: { devices: [], meta: { next: null } } }
  const listed: Reply = { status: 200, json: { devices: [{ id: 'd-1', state: 'active' }], meta: { next: null } } }
  // A machine counts as gone only if it is missing twice, the second time also in the project's list.
  const twiceGone = [gone, gone, none]
  const once = ['DELETE', 'GET', 'GET', 'GET']
  const twice = ['DELETE', 'GET', ...once]
  // After a DELETE of what the API does not know.
  const often = [...once, 'GET', 'GET']

  test.each<[string, Reply[], Reply[], string[]]>([
    ['at once', [{ status: 204 }], [...twiceGone], once],
    [
      'deprovisioning counts as gone',
      [{ status: 204 }],
      [...Array.from({ length: 4 }, () => deviceOf('deprovisioning')), none],
      ['DELETE', 'GET', 'GET', 'GET', 'GET', 'GET'],
    ],
    ['403 counts as gone if the project no longer lists it', [denied], [denied, denied, denied, denied, none], often],
    ['404 counts as gone if the project no longer lists it', [gone], [gone, gone, ...twiceGone], often],
    ['404 does not if it is seen again', [gone, { status: 204 }], [deviceOf('active'), ...twiceGone], twice],
    [
      '403 does not if the project lists it',
      [denied, { status: 204 }],
      [denied, denied, denied, denied, listed, ...twiceGone],
      [...often, ...once],
    ],
    [
      '403 does not if the project is denied too',
      [denied, { status: 204 }],
      [denied, denied, denied, denied, denied, ...twiceGone],
      [...often, ...once],
    ],
    [
      'accepted and 403 does not if the project lists it',
      [{ status: 204 }, { status: 204 }],
      [denied, denied, listed, ...twiceGone],
      [...once, ...once],
    ],
    [
      'one 404 does not if it is seen later',
      [{ status: 204 }, { status: 204 }],
      [gone, deviceOf('active'), ...twiceGone],
      ['DELETE', 'GET', 'GET', ...once],
    ],
    [
      'deprovisioning does not if it comes back',
      [{ status: 204 }, { status: 204 }],
      [deviceOf('deprovisioning'), deviceOf('active'), ...twiceGone],
      ['DELETE', 'GET', 'GET', ...once],
    ],
    [
      'deprovisioning does not if it comes back at the third check',
      [{ status: 204 }, { status: 204 }],
      [deviceOf('deprovisioning'), deviceOf('deprovisioning'), deviceOf('active'), ...twiceGone],
      ['DELETE', 'GET', 'GET', 'GET', ...once],
    ],
    [
      'refused while provisioning',
      [{ status: 422, json: { errors: ['Cannot delete a device while it is provisioning'] } }, { status: 204 }],
      [deviceOf('provisioning'), ...twiceGone],
      twice,
    ],
    ['accepted but still there', [{ status: 204 }, { status: 204 }], [deviceOf('active'), ...twiceGone], twice],
    ['lost answers', [dropped, { status: 204 }], [...twiceGone], ['DELETE', ...once]],
  ])('%s', async (_, deletes, gets, expected) => {
    await using api = await startFakeApi(
      ({ method }) => (method === 'DELETE' ? deletes.shift() : gets.shift()) ?? dropped,
    )
    const { cloud } = await createTestCloud(api.apiUrl)
    await deleteUntilGone(cloud, target, createRecorder(), never)
    expect(api.all.map(({ method }) => method)).toEqual(expected)
    expect(new Set(methods(api.all).map((line) => line.split(' ')[1]))).toContain('/devices/d-1')
  })

  test('a locked machine stays, and the last message names it and how to delete it', async () => {
    await using api = await startFakeApi(({ method }) =>
      method === 'DELETE'
        ? { status: 422, json: { errors: ['Cannot delete a locked item'] } }
        : deviceOf('active', { locked: true }),
    )
    const error: unknown = await deleteUntilGone(
      (await createTestCloud(api.apiUrl)).cloud,
      target,
      createRecorder(),
      never,
    ).catch((thrown: unknown) => thrown)
    expect(describeError(error)).toMatch(
      /^machine: the machine d-1 STILL RUNS AND COSTS MONEY: it is locked; delete it with: /,
    )
  })

  test.each<[string, Reply[], Reply, string[], string]>([
    ['that is accepted', [{ status: 204 }], gone, ['DELETE', 'DELETE', 'GET'], 'deleted'],
    ['that is refused', [{ status: 422 }], deviceOf('active'), ['DELETE', 'DELETE', 'GET'], 'd-1 STILL RUNS'],
    ['that is never answered', [], gone, ['DELETE', 'DELETE'], 'd-1 MAY STILL RUN'],
  ])('a second interrupt sends one more DELETE, %s', async (_, last, gets, expected, word) => {
    const { said, methods: sent } = await forcedAt({ status: 422 }, last, gets)
    expect(sent).toEqual(expected)
    expect(said).toContain(word)
  })

  const provisioning: Reply = { status: 422, json: { errors: ['Cannot delete a device while it is provisioning'] } }
  const broken: Reply = { status: 422, json: { errors: ['no'] } }
  test.each<[string, Reply, Reply, number]>([
    ['an hour while it is provisioning', provisioning, deviceOf('provisioning'), 3_600_000],
    ['ten minutes otherwise', broken, deviceOf('active'), 600_000],
    ['half a minute for a token', { status: 401, json: { error: 'no' } }, deviceOf('active'), 30_000],
  ])('is tried for %s, at most every 15 s, and its progress line is removed', async (_, refusal, state, patienceMs) => {
    await using api = await startFakeApi(({ method }) => (method === 'DELETE' ? refusal : state))
    const { cloud, waits, report } = await createTestCloud(api.apiUrl)
    await expect(deleteUntilGone(cloud, target, report, never)).rejects.toMatchObject({ exitCode: 9 })
    const waitedMs = waits.reduce((sum, ms) => sum + ms, 0)
    expect(waitedMs).toBeGreaterThan(patienceMs - 60_000)
    expect(waitedMs).toBeLessThan(patienceMs + 30_000)
    expect(Math.max(...waits)).toBe(15_000)
    expect(report.lines.at(-1)).toBe('')
  })

  test('a second interrupt stops the wait and says which machine stays', async () => {
    const force = new AbortController()
    await using api = await startFakeApi(({ method }) => {
      if (method === 'GET') force.abort(new InterruptedError('SIGINT'))
      return method === 'DELETE'
        ? { status: 422, json: { errors: ['Cannot delete a device while it is provisioning'] } }
        : deviceOf('provisioning')
    })
    await expect(
      deleteUntilGone((await createTestCloud(api.apiUrl)).cloud, target, createRecorder(), force.signal),
    ).rejects.toMatchObject({ exitCode: 9 })
  })

  test('a laptop that slept for ten hours still retries for the full time', async () => {
    let tries = 0
    await using api = await startFakeApi(({ method, path }) => {
      if (path.startsWith('/projects/')) return { status: 200, json: { devices: [] } }
      if (method !== 'DELETE') return tries > 8 ? gone : deviceOf('provisioning')
      return tries++ > 8 ? { status: 204 } : { status: 422, json: { errors: ['Cannot delete it while provisioning'] } }
    })
    const { cloud } = await createTestCloud(api.apiUrl)
    const { clock } = cloud
    let sleptMs = 0
    const asleep = await createTestCloud(api.apiUrl, createRecorder(), {
      ...clock,
      now: () => Date.now() + sleptMs,
      async sleep(ms, signal) {
        sleptMs += 10 * 3_600_000
        await clock.sleep(ms, signal)
      },
    })
    await deleteUntilGone(asleep.cloud, target, createRecorder(), never)
    expect(tries).toBeGreaterThan(8)
  })

  test('if the token is refused at the end, the machine stays and the error says so', async () => {
    await using api = await startFakeApi(() => ({ status: 401, json: { error: 'Invalid authentication token' } }))
    await expect(
      deleteUntilGone((await createTestCloud(api.apiUrl)).cloud, target, createRecorder(), never),
    ).rejects.toMatchObject({
      exitCode: 9,
      message: expect.stringMatching(/^the machine d-1 MAY STILL RUN AND COST MONEY: .* 401 /),
      hint: 'delete it with: metalkit rm d-1',
    })
  })

  test('leaving the block that rented it deletes it, even by an error', async () => {
    await using api = await startFakeApi(({ method, path }) =>
      method === 'POST'
        ? { status: 201, json: { id: 'd-1', state: 'queued' } }
        : method === 'DELETE'
          ? { status: 204 }
          : path.startsWith('/projects/')
            ? { status: 200, json: { devices: [] } }
            : gone,
    )
    const { cloud } = await createTestCloud(api.apiUrl)
    const failing = async () => {
      await using machine = await rent(cloud)
      throw new Error(`with ${machine.record.id}`)
    }
    await expect(failing()).rejects.toThrow('with d-1')
    const list = 'GET /projects/p-1/devices'
    const seen = methods(api.all).map((line) => line.replace(/\?.*/, ''))
    const looks = ['GET /devices/d-1', 'GET /devices/d-1', list]
    expect(seen).toEqual(['POST /projects/p-1/devices', 'DELETE /devices/d-1', ...looks, list])
  })
})

describe('every machine of a run is deleted', () => {
  const tags = ['metalkit', 'metalkit-run-run1']

  /** An API that answers creates as scripted; each takes effect at its time, `afterMs` after the first create. */
  async function play(
    creates: readonly { reply: Reply; afterMs: number; againMs?: number }[],
    listLagMs = 0,
    twinLockedMs = 0,
  ) {
    const machines = new Map<string, { fromMs: number; endedMs: number; tags: unknown }>()
    let clock: Clock | undefined
    const now = () => clock?.monotonicMs() ?? 0
    let startedMs = 0
    let sent = 0
    const isThere = (id: string, lagMs: number) => {
      const machine = machines.get(id)
      return machine !== undefined && now() >= machine.fromMs + lagMs && now() < machine.endedMs + lagMs
    }
    await using api = await startFakeApi(({ method, path, body }) => {
      const id = path.split('/').at(-1) ?? ''
      if (method === 'POST') {
        const wanted = {
          endedMs: Infinity,
          tags: Object.entries(body ?? {}).find(([key]) => key === 'tags')?.[1] ?? tags,
        }
        if (machines.size === 0) startedMs = now()
        const { reply, afterMs, againMs } = creates[sent++] ?? { reply: dropped, afterMs: Infinity }
        machines.set(`d-${machines.size + 1}`, { ...wanted, fromMs: startedMs + afterMs })
        if (againMs !== undefined) machines.set('twin', { ...wanted, fromMs: startedMs + againMs })
        return reply
      }
      if (path.startsWith('/projects/')) {
        const ids = [...machines.keys()].filter((one) => isThere(one, listLagMs))
        return {
          status: 200,
          json: {
            devices: ids.map((one) => ({ id: one, state: 'active', tags: machines.get(one)?.tags })),
            meta: { total: ids.length },
          },
        }
      }
      const machine = machines.get(id)
      if (machine === undefined || !isThere(id, 0)) return gone
      const isLocked = id === 'twin' && now() - startedMs < twinLockedMs
      if (method !== 'DELETE') return deviceOf(isLocked ? 'provisioning' : 'active')
      if (isLocked) return { status: 422, json: { errors: ['Cannot delete a device while it is provisioning'] } }
      machine.endedMs = now()
      return { status: 204 }
    })
    const { cloud, report } = await createTestCloud(api.apiUrl)
    clock = cloud.clock
    const failure: unknown = await (async () => {
      await using _machine = await rent(cloud, false, never, report)
    })().catch((error: unknown) => error)
    const left = [...machines].filter(
      ([id, { fromMs }]) => fromMs < Infinity && (!isThere(id, 0) ? now() < fromMs : true),
    )
    return { failure, left: left.map(([id]) => id), lines: report.lines }
  }

  const refused: Reply = { status: 500 }
  const made = (id: string): Reply => ({ status: 201, json: { id, state: 'queued', tags } })

  test.each<[string, Parameters<typeof play>[0], number]>([
    [
      '500, and it appears 28 s later',
      [
        { reply: refused, afterMs: 28_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      '504 three times, and one appears four minutes later',
      [
        { reply: { status: 504 }, afterMs: 240_000 },
        { reply: refused, afterMs: 0 },
        { reply: refused, afterMs: 0 },
      ],
      0,
    ],
    [
      '408',
      [
        { reply: { status: 408 }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      '409',
      [
        { reply: { status: 409 }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      '425',
      [
        { reply: { status: 425 }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      '499',
      [
        { reply: { status: 499 }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      'a redirect',
      [
        { reply: { status: 307, headers: { location: '/' } }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      'a body that cannot be read',
      [
        { reply: { status: 201, text: '<html>' }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      '429, but carried out',
      [
        { reply: { status: 429 }, afterMs: 0 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    ['lost, found, and carried out twice', [{ reply: dropped, afterMs: 0, againMs: 0 }], 0],
    ['lost, found, and a second one appears 25 s later', [{ reply: dropped, afterMs: 0, againMs: 25_000 }], 0],
    ['500, found, and a second one appears 100 s later', [{ reply: refused, afterMs: 0, againMs: 100_000 }], 0],
    [
      'one appears four minutes later, the next is carried out twice',
      [
        { reply: refused, afterMs: 240_000 },
        { reply: made('d-2'), afterMs: 0, againMs: 0 },
      ],
      0,
    ],
    [
      '429, but carried out and visible 20 s later',
      [
        { reply: { status: 429 }, afterMs: 20_000 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      0,
    ],
    [
      '429 six times, all carried out, the last one 100 s later',
      [20, 20, 20, 20, 20, 100].map((seconds) => ({ reply: { status: 429 }, afterMs: seconds * 1000 })),
      0,
    ],
    ['201 with another id than in the list', [{ reply: made('d-9'), afterMs: 0 }], 0],
    [
      'a list that lags by 20 s',
      [
        { reply: dropped, afterMs: 0 },
        { reply: made('d-2'), afterMs: 0 },
      ],
      20_000,
    ],
  ])('%s', async (_name, creates, lagMs) => {
    const { left, failure } = await play(creates, lagMs)
    expect(left, String(failure)).toEqual([])
  })

  test('a create without a machine ends with exit code 9, the tag and the command', async () => {
    const { failure } = await play([
      { reply: refused, afterMs: Infinity },
      { reply: made('d-2'), afterMs: 0 },
    ])
    expect(failure).toMatchObject({
      exitCode: 9,
      message: expect.stringContaining('"metalkit-run-run1"'),
      hint: 'delete it with: metalkit rm metalkit-run-run1',
    })
  })

  test('a create refused after one without a clear answer: both the refusal and the tag are reported', async () => {
    const { failure } = await play([
      { reply: refused, afterMs: Infinity },
      { reply: { status: 422, json: { errors: ['x is not a valid plan'] } }, afterMs: Infinity },
    ])
    expect(flattenErrors(failure)).toMatchObject([
      { exitCode: 4, message: expect.stringContaining('"x is not a valid plan"') },
      { exitCode: 9, hint: 'delete it with: metalkit rm metalkit-run-run1' },
    ])
  })

  const later = 'appear, delete it with: metalkit rm metalkit-run-run1'

  test.each([
    ['20 s later is deleted', 20_000, []],
    ['a minute later, when the run has ended, is named by its tag', 60_000, ['d-1']],
  ])('the machine of a create answered with 429 that appears %s', async (_name, afterMs, expected) => {
    const { failure, left, lines } = await play([
      { reply: { status: 429 }, afterMs },
      { reply: made('d-2'), afterMs: 0 },
    ])
    expect(failure).toBeUndefined()
    expect(left).toEqual(expected)
    expect(lines.join('\n')).toContain(later)
  })

  test.each([
    ['it is created', made('d-1'), [9]],
    ['it is refused', { status: 429 }, [4, 9]],
  ])(
    '429, then %s, and the list fails to the end: exit code 9, the tag and the command',
    async (_name, last, codes) => {
      const answers: Reply[] = [{ status: 429 }, last]
      await using api = await startFakeApi(({ method, path }) => {
        if (method === 'POST') return answers.length > 1 ? (answers.shift() ?? gone) : last
        return path.startsWith('/projects/') ? { status: 503 } : gone
      })
      const failure: unknown = await (async () => {
        await using _machine = await rent((await createTestCloud(api.apiUrl)).cloud)
      })().catch((error: unknown) => error)
      const errors = flattenErrors(failure)
      expect(errors.map((error) => (error instanceof MetalkitError ? error.exitCode : error))).toEqual(
        expect.arrayContaining(codes),
      )
      expect(errors.at(-1)).toMatchObject({ exitCode: 9, hint: 'delete it with: metalkit rm metalkit-run-run1' })
    },
  )

  test('a machine of a 429 that was listed once is deleted, though the list fails to the end', async () => {
    const standing = new Map<string, object>()
    let lists = 0
    await using api = await startFakeApi(({ method, path }) => {
      const id = path.split('/').at(-1) ?? ''
      if (method === 'POST') {
        const late = standing.size === 0 ? 'd-1' : 'd-2'
        standing.set(late, { id: late, state: 'active', tags })
        return late === 'd-1' ? { status: 429 } : made(late)
      }
      if (method === 'DELETE') return standing.delete(id) ? { status: 204 } : gone
      if (!path.startsWith('/projects/')) return standing.has(id) ? { status: 200, json: standing.get(id) } : gone
      // Lists lag at first, then show both machines to the look before the deletion, and fail after it.
      const ofRun = path.includes('tag=')
      if (ofRun && ++lists > 2) return { status: 403 }
      const devices = ofRun && lists === 1 ? [] : [...standing.values()]
      return { status: 200, json: { devices, meta: { next: null } } }
    })
    const failure: unknown = await (async () => {
      await using _machine = await rent((await createTestCloud(api.apiUrl)).cloud)
    })().catch((error: unknown) => error)
    expect([...standing.keys()], String(failure)).toEqual([])
  })

  test.each([
    ['is deleted', undefined],
    ['is named after a second interrupt', 9],
  ])('an interrupt while a create waits after a 429: the machine that appears later %s', async (_name, code) => {
    const [stop, force] = [new AbortController(), new AbortController()]
    let isThere = false
    let looks = 0
    await using api = await startFakeApi(({ method, path }) => {
      if (method === 'POST') stop.abort(new InterruptedError('SIGTERM'))
      if (method === 'POST') return { status: 429, headers: { 'retry-after': '5' } }
      if (method === 'DELETE') isThere = false
      if (!path.startsWith('/projects/')) return isThere ? deviceOf('active') : gone
      if (looks++ === 2) isThere = code === undefined
      if (looks === 2 && code !== undefined) force.abort(new InterruptedError('SIGTERM'))
      return { status: 200, json: { devices: isThere ? [{ id: 'd-1', state: 'active', tags }] : [] } }
    })
    const { cloud } = await createTestCloud(api.apiUrl)
    const failure: unknown = await rent(cloud, false, force.signal, createRecorder(), stop.signal).catch(
      (error: unknown) => error,
    )
    expect(api.all.filter(({ method }) => method === 'POST')).toHaveLength(1)
    expect(isThere).toBe(false)
    expect(api.all.some(({ method }) => method === 'DELETE')).toBe(code === undefined)
    expect(flattenErrors(failure)).toMatchObject([
      { exitCode: 143 },
      ...(code === undefined ? [] : [{ exitCode: code, hint: 'delete it with: metalkit rm metalkit-run-run1' }]),
    ])
  })

  test('a create carried out twice does not account for one without a machine', async () => {
    const { failure, left } = await play([
      { reply: refused, afterMs: Infinity },
      { reply: made('d-2'), afterMs: 0, againMs: 0 },
    ])
    expect(left).toEqual([])
    expect(failure).toMatchObject({ exitCode: 9, hint: 'delete it with: metalkit rm metalkit-run-run1' })
  })

  test('a machine that appears while another is deleted goes back too', async () => {
    // The grace is over when the deletion of the second one is.
    const creates = [
      { reply: refused, afterMs: 200_000 },
      { reply: made('d-2'), afterMs: 0, againMs: 0 },
    ]
    const { failure, left } = await play(creates, 0, 400_000)
    expect(left).toEqual([])
    expect(failure).toBeUndefined()
  })

  test('two machines that stay are both named', async () => {
    const machines = ['d-1', 'd-2'].map((id) => ({ id, state: 'active', tags, locked: true }))
    await using api = await startFakeApi(({ method, path }) =>
      method === 'POST'
        ? made('d-1')
        : method === 'DELETE'
          ? { status: 422, json: { errors: ['Cannot delete a locked item'] } }
          : path.startsWith('/projects/')
            ? { status: 200, json: { devices: machines } }
            : { status: 200, json: machines.find(({ id }) => path.endsWith(id)) },
    )
    const failure: unknown = await (async () => {
      await using _machine = await rent((await createTestCloud(api.apiUrl)).cloud)
    })().catch((error: unknown) => error)
    expect(flattenErrors(failure)).toMatchObject([
      { exitCode: 9, hint: 'delete it with: metalkit rm d-1' },
      { exitCode: 9, hint: 'delete it with: metalkit rm d-2' },
    ])
  })

  test('the grace period is only for uncertain creates', async () => {
    const { failure, lines } = await play([{ reply: made('d-1'), afterMs: 0 }])
    expect(failure).toBeUndefined()
    expect(lines.join('\n')).not.toContain('got no clear answer')
  })
})
