import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { ApiError, describeError, exitCodeOf, FinalRefusal, UncertainError, UsageError } from '../../src/errors.ts'
import type { Creation, Order } from '../../src/machine/cloud.ts'
import {
  onDemandProject,
  openTestCloud,
  page,
  planOf,
  refuse,
  type Reply,
  runId,
  serverOf,
  startStrictApi,
  token,
} from './strict-api.ts'

const never = new AbortController().signal
const order: Order = {
  plan: 'c3-small-x86',
  place: 'DAL',
  hostname: undefined,
  scriptUrl: 'http://203.0.113.9/linuxkit.ipxe',
  alwaysPxe: true,
}

function creationOf(mark: string): Creation {
  return { order, mark, attempt: 1, turnedAway: { note() {}, wasDone: async () => false }, lastTry: never }
}

/** Replies in order; the last one repeats. */
function inTurn(...replies: (Reply | 'dropped')[]): () => Reply | 'dropped' {
  let next = 0
  return () => replies[Math.min(next++, replies.length - 1)] ?? 'dropped'
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  )
}

describe('nothing is rented in a project whose machines could not be deleted at once', () => {
  test.each([
    ['reserved', 'is of the provisioning type "reserved", not "on_demand"'],
    ['something-new', 'is of the provisioning type "something-new", not "on_demand"'],
    [null, 'is not said to be "on_demand"'],
  ])('%j', async (type, why) => {
    const project = { ...onDemandProject, attributes: { ...onDemandProject.attributes, provisioning_type: type } }
    await using api = await startStrictApi(() => page([project]))
    const { cloud } = await openTestCloud(api.apiUrl)
    for (const act of [() => cloud.prepare(order, never), () => cloud.check('project', never)]) {
      const error = await failureOf(act())
      expect(error).toBeInstanceOf(UsageError)
      expect(describeError(error)).toBe(
        `usage: the project "proj_1" ${why}: its machines cannot be deleted at once, and cost money until then; name a project of the type on_demand with --project-id`,
      )
    }
    expect(api.all.every(({ path }) => path === '/projects')).toBe(true)
  })

  test('a project may be named by its slug, and an unknown one is answered with the nearest', async () => {
    await using api = await startStrictApi(() => page([onDemandProject], 1))
    const { cloud } = await openTestCloud(api.apiUrl, { projectId: 'lab' })
    await expect(cloud.check('project', never)).resolves.toEqual({ detail: 'proj_1 (Lab) is visible and on demand' })
    const other = await openTestCloud(api.apiUrl, { projectId: 'lba' })
    expect(describeError(await failureOf(other.cloud.check('project', never)))).toBe(
      'usage: the account has no project "lba"; its projects: lab',
    )
  })
})

describe('the stock is looked at before a machine is rented', () => {
  const plans = [planOf('c3-small-x86', ['DAL', 'ASH'], ['ASH']), planOf('c3-large-x86', ['FRA'], [])]

  test.each([
    [{ plan: 'c3-small-x86', place: 'ASH' }, { plan: 'c3-small-x86', place: 'ASH' }, undefined],
    [{ plan: undefined, place: undefined }, { plan: 'c3-small-x86', place: 'ASH' }, undefined],
    [{ plan: 'C3.Small.x86', place: 'ash' }, { plan: 'c3-small-x86', place: 'ASH' }, undefined],
    [
      { plan: 'c3-small-x86', place: 'dal' },
      { plan: 'c3-small-x86', place: 'DAL' },
      'the plan "c3-small-x86" is not in stock at the site "DAL", but in ASH',
    ],
    // New plans and sites may be missing in the list.
    [{ plan: 'c9-new', place: 'DAL' }, { plan: 'c9-new', place: 'DAL' }, undefined],
    [
      { plan: 'c3-small-x86', place: 'new' },
      { plan: 'c3-small-x86', place: 'NEW' },
      'the site "NEW" is in no plan of the API\'s list: check its spelling',
    ],
  ])('%j becomes %j', async (wish, completed, doubt) => {
    await using api = await startStrictApi(({ path }) => (path === '/projects' ? page([onDemandProject]) : page(plans)))
    const { cloud } = await openTestCloud(api.apiUrl)
    await expect(cloud.prepare(wish, never)).resolves.toEqual({ ...completed, doubt })
  })

  test('a site must be given for a plan that no site has', async () => {
    await using api = await startStrictApi(({ path }) => (path === '/projects' ? page([onDemandProject]) : page(plans)))
    const { cloud } = await openTestCloud(api.apiUrl)
    const wish = { plan: 'c3-large-x86', place: undefined }
    expect(describeError(await failureOf(cloud.prepare(wish, never)))).toBe('usage: no metro is given')
  })

  test('a plan that is offered only elsewhere is refused', async () => {
    await using api = await startStrictApi(({ path }) => (path === '/projects' ? page([onDemandProject]) : page(plans)))
    const { cloud } = await openTestCloud(api.apiUrl)
    expect(describeError(await failureOf(cloud.prepare({ plan: 'c3-small-x86', place: 'fra' }, never)))).toBe(
      'usage: the plan "c3-small-x86" is not offered at the site "FRA"; it is in stock in ASH; choose with --metro and --machine',
    )
  })

  test('a list that cannot be read does not keep anyone from renting', async () => {
    await using api = await startStrictApi(({ path }) =>
      path === '/projects' ? page([onDemandProject]) : refuse(403, null, 'No'),
    )
    const { cloud } = await openTestCloud(api.apiUrl)
    await expect(cloud.prepare({ plan: 'c3-small-x86', place: 'fra' }, never)).resolves.toEqual({
      plan: 'c3-small-x86',
      place: 'FRA',
    })
  })

  test('a refused create is explained with the nearest names', async () => {
    await using api = await startStrictApi(({ path }) =>
      path === '/plans' ? page(plans) : page([{ id: 'loc_1', attributes: { slug: 'DAL' } }], 1),
    )
    const { cloud } = await openTestCloud(api.apiUrl)
    const refusal = new ApiError('refused', { status: 422 })
    expect(describeError(await cloud.explainRefusal(refusal, { ...order, plan: 'c3-smal-x86', place: 'DALL' }))).toBe(
      'latitude: refused; plans similar to "c3-smal-x86": c3-small-x86, c3-large-x86; sites similar to "DALL": DAL',
    )
    expect(describeError(await cloud.explainRefusal(refusal, order))).toBe(
      'latitude: refused; the plan "c3-small-x86" is in stock in ASH',
    )
    const other = new ApiError('refused', { status: 402 })
    expect(await cloud.explainRefusal(other, order)).toBe(other)
  })
})

describe('a create is never repeated blindly', () => {
  test.each<[string, Reply | 'dropped']>([
    ['a lost answer', 'dropped'],
    ['500', { status: 500, text: 'oops' }],
    ['502', { status: 502, text: '<html>' }],
    ['503', { status: 503 }],
    ['504', { status: 504 }],
    ['an answer without an id', { status: 201, json: { data: { type: 'servers', attributes: { status: 'off' } } } }],
    ['half an answer', { status: 201, text: '{"data": {"id"' }],
  ])('after %s', async (_, reply) => {
    await using api = await startStrictApi(() => reply)
    const { cloud } = await openTestCloud(api.apiUrl)
    expect(await failureOf(cloud.create(creationOf(cloud.markOf(runId))))).toBeInstanceOf(UncertainError)
    expect(api.all).toHaveLength(1)
  })

  test('a 429 is noted, and repeated only if the machine was not made', async () => {
    const created = { status: 201, json: { data: serverOf('sv_1', { status: 'off' }) } }
    await using api = await startStrictApi(inTurn({ status: 429, headers: { 'retry-after': '2' } }, created))
    const { cloud } = await openTestCloud(api.apiUrl)
    const asked: string[] = []
    const turnedAway = {
      note: () => void asked.push('note'),
      wasDone: async () => {
        asked.push('wasDone')
        return false
      },
    }
    await expect(cloud.create({ ...creationOf(cloud.markOf(runId)), turnedAway })).resolves.toMatchObject({
      id: 'sv_1',
    })
    expect(asked).toEqual(['note', 'wasDone'])
    expect(api.all).toHaveLength(2)
  })

  test.each([
    [
      402,
      'latitude: creating a machine: the API answered 402 "Refused" [request r-1]; add a payment method to the team in the dashboard of Latitude.sh',
      4,
    ],
    [
      401,
      'latitude: creating a machine: the API answered 401 "Refused" [request r-1]; LATITUDESH_AUTH_TOKEN is wrong or has expired; replace it; for a lab, run again: eval "$(metalkit lab env)" (with --name for a named lab)',
      3,
    ],
  ])('%i is an error with advice', async (status, message, code) => {
    await using api = await startStrictApi(() => refuse(status, null, 'Refused'))
    const { cloud } = await openTestCloud(api.apiUrl)
    const error = await failureOf(cloud.create(creationOf(cloud.markOf(runId))))
    expect(describeError(error)).toBe(message)
    expect(exitCodeOf(error)).toBe(code)
  })

  test('GET is repeated after 429, 502, 503 and 504', async () => {
    const failures = [429, 502, 503, 504].map((status) => ({ status }))
    await using api = await startStrictApi(inTurn(...failures, { status: 200, json: { data: serverOf('sv_1') } }))
    const { cloud } = await openTestCloud(api.apiUrl)
    await expect(cloud.get('sv_1')).resolves.toMatchObject({ id: 'sv_1' })
    expect(api.all).toHaveLength(5)
  })
})

describe('machines are found by their names', () => {
  test('on every page, however short, with the number of a create, and no others', async () => {
    let mark = ''
    const names = () => [
      ...Array.from({ length: 45 }, (_, i) => `web-${i}`),
      mark,
      `${mark.toUpperCase()}-2`,
      `${mark}x`,
      `x${mark}`,
      `mk-${'0'.repeat(25)}`,
    ]
    await using api = await startStrictApi(({ query }) => {
      // The API's pages have at most 20 machines.
      const all = names().map((hostname, i) => serverOf(`sv_${i}`, { hostname }))
      const at = (Number(query['page[number]']) - 1) * 20
      return page(all.slice(at, at + 20))
    })
    const { cloud } = await openTestCloud(api.apiUrl)
    mark = cloud.markOf(runId)
    expect(await cloud.list(mark)).toMatchObject([
      { id: 'sv_45', attempt: 1 },
      { id: 'sv_46', attempt: 2 },
    ])
    expect((await cloud.list()).map(({ id }) => id)).toEqual(['sv_45', 'sv_46', 'sv_49'])
    expect(await cloud.findListed({ id: 'sv_3', projectId: undefined })).toMatchObject({ hostname: 'web-3' })
    expect(await cloud.findListed({ id: 'sv_99', projectId: undefined })).toBeUndefined()
  })

  test('a list that never ends is an error', async () => {
    await using api = await startStrictApi((_, all) => page([serverOf(`sv_${all.length}`)]))
    const { cloud } = await openTestCloud(api.apiUrl)
    expect(describeError(await failureOf(cloud.list()))).toBe(
      'latitude: listing the machines: the list has no end (1000 pages); check that --api-url is an API of Latitude.sh',
    )
  })
})

describe('off', () => {
  test('means coming until a machine has been on', async () => {
    let status = 'off'
    let mark = ''
    await using api = await startStrictApi(() => ({
      status: 200,
      json: { data: serverOf('sv_1', { status, hostname: mark }) },
    }))
    const { cloud } = await openTestCloud(api.apiUrl)
    mark = cloud.markOf(runId)
    const phase = async (now: string) => {
      status = now
      return (await cloud.get('sv_1')).phase
    }
    expect(await phase('off')).toBe('off')
    expect(await cloud.create(creationOf(mark))).toMatchObject({ state: 'off', phase: 'coming' })
    expect(await phase('deploying')).toBe('coming')
    expect(await phase('off')).toBe('coming')
    expect(await phase('on')).toBe('on')
    expect(await phase('off')).toBe('off')
  })

  test('for ten minutes is said, with what to do, once', async () => {
    let mark = ''
    let nowMs = 0
    const clock = { ...systemClock, monotonicMs: () => nowMs }
    await using api = await startStrictApi(() => ({
      status: 200,
      json: { data: serverOf('sv_1', { status: 'deploying', hostname: mark }) },
    }))
    const { cloud, report } = await openTestCloud(api.apiUrl, { clock })
    mark = cloud.markOf(runId)
    await cloud.create(creationOf(mark))
    const told = () => report.lines.filter((line) => line.includes('is still'))
    nowMs = 10 * 60_000 - 1
    await cloud.get('sv_1')
    expect(told()).toEqual([])
    nowMs++
    await cloud.get('sv_1')
    await cloud.get('sv_1')
    expect(told()).toEqual([
      'the machine sv_1 is still "deploying" after 10 minutes; Latitude.sh is known to leave machines in this state forever: if it stays so, delete it and create another',
    ])
  })
})

describe('a refused deletion', () => {
  const unlock = 'unlock it in the dashboard of Latitude.sh first'
  const reserved = serverOf('sv_1', { project: { id: 'proj_1', provisioning_type: 'reserved' } })
  const words =
    'Reserved servers cannot be directly deleted. Please schedule the deletion to the end of the billing cycle'

  test.each<[string, Reply, unknown, string]>([
    ['423', refuse(423, null, 'Server is locked and cannot be updated or deleted'), serverOf('sv_1'), unlock],
    ['a locked server by its code', refuse(422, 'SERVER_LOCKED_ERROR', 'Locked'), serverOf('sv_1'), unlock],
    ['a reserved server', refuse(422, null, words), reserved, 'schedule_deletion'],
    [
      'a reserved server, refused with 200',
      { ...refuse(422, null, words), status: 200 },
      reserved,
      'schedule_deletion',
    ],
    [
      'a virtual machine',
      refuse(403, 'SERVER_DEVICE_ROLE_ERROR', 'Only bare metal servers'),
      serverOf('sv_1'),
      'delete it in the dashboard',
    ],
  ])('%s is final, and says what to do', async (_, refusal, server, advice) => {
    await using api = await startStrictApi(({ method }) =>
      method === 'DELETE' ? refusal : { status: 200, json: { data: server } },
    )
    const { cloud } = await openTestCloud(api.apiUrl)
    const error = await failureOf(cloud.delete('sv_1'))
    expect(error).toBeInstanceOf(FinalRefusal)
    expect(describeError(error)).toContain(advice)
  })

  test.each<[string, Reply]>([
    ['SERVER_BEING_PROVISIONED', refuse(422, 'SERVER_BEING_PROVISIONED', 'Server is being provisioned')],
    ['an unknown 422', refuse(422, 'WHATEVER', 'Later')],
    ['403', refuse(403, 'USER_AUTHORIZATION_ERROR', 'forbidden')],
  ])('%s may pass', async (_, refusal) => {
    await using api = await startStrictApi(({ method }) =>
      method === 'DELETE' ? refusal : { status: 200, json: { data: serverOf('sv_1') } },
    )
    const { cloud } = await openTestCloud(api.apiUrl)
    const error = await failureOf(cloud.delete('sv_1'))
    expect(error).toBeInstanceOf(ApiError)
    expect(error).not.toBeInstanceOf(FinalRefusal)
    expect(cloud.isGone(error)).toBe(false)
  })

  test('404 means gone', async () => {
    await using api = await startStrictApi(() => refuse(404, 'not_found', 'Specified Record Not Found'))
    const { cloud } = await openTestCloud(api.apiUrl)
    const error = await failureOf(cloud.delete('sv_1'))
    expect(cloud.isGone(error)).toBe(true)
    expect(describeError(error)).toBe(
      'latitude: deleting the machine "sv_1": the API answered 404 "not_found: Specified Record Not Found" [request r-1]; metalkit ls lists the machines that metalkit created',
    )
  })
})

async function reinstall(posts: () => Reply | 'dropped', gets: () => Reply | 'dropped') {
  await using api = await startStrictApi(({ method }) => (method === 'POST' ? posts() : gets()))
  const { cloud, report } = await openTestCloud(api.apiUrl)
  const machine = await cloud.get('sv_1')
  const outcome = await cloud.boot(machine, order, never).catch((error: unknown) => error)
  const sent = api.all.filter(({ method }) => method === 'POST').length
  return { outcome, sent, report }
}

const stateOf = (status: string): Reply => ({ status: 200, json: { data: serverOf('sv_1', { status }) } })

describe('a reinstall', () => {
  const provisioned = refuse(422, 'SERVER_BEING_PROVISIONED', 'Server is being provisioned')

  test('waits while the machine is being provisioned, and then for its state', async () => {
    const gets = inTurn(stateOf('on'), stateOf('on'), stateOf('on'), stateOf('disk_erasing'))
    const { outcome, sent, report } = await reinstall(inTurn(provisioned, provisioned, { status: 201, json: {} }), gets)
    expect(outcome).toMatchObject({ state: 'disk_erasing', phase: 'coming' })
    expect(sent).toBe(3)
    expect(report.lines).toContain('Reinstalling sv_1, which erases its disks...')
  })

  test('that is refused for another reason is not repeated', async () => {
    const { outcome, sent } = await reinstall(
      () => refuse(422, 'REINSTALL_UNAVAILABLE', 'outdated'),
      () => stateOf('on'),
    )
    expect(outcome).toMatchObject({ refusalCode: 'REINSTALL_UNAVAILABLE' })
    expect(sent).toBe(1)
  })

  test('whose answer was lost counts if the state shows it', async () => {
    const { outcome, sent } = await reinstall(
      () => 'dropped',
      inTurn(stateOf('on'), stateOf('on'), stateOf('deploying')),
    )
    expect(outcome).toMatchObject({ state: 'deploying' })
    expect(sent).toBe(1)
  })

  test('whose answer was lost is an error if the state does not show it', async () => {
    const { outcome, sent } = await reinstall(
      () => 'dropped',
      () => stateOf('on'),
    )
    expect(outcome).toBeInstanceOf(UncertainError)
    expect(sent).toBe(1)
  })
})

test('the token is in no error and no line, whatever the API answers', async () => {
  const echo = refuse(422, null, 'x')
  await using api = await startStrictApi(() => echo)
  const { cloud, report } = await openTestCloud(api.apiUrl)
  const errors = [
    await failureOf(cloud.get('sv_1')),
    await failureOf(cloud.list()),
    await failureOf(cloud.create(creationOf(cloud.markOf(runId)))),
  ]
  expect(report.lines.length).toBeGreaterThan(0)
  expect(JSON.stringify([errors.map((error) => [describeError(error), String(error)]), report.lines])).not.toContain(
    token,
  )
})
