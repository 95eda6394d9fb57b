import { describe, expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { describeProgress, followMachine, type Observation } from '../../src/machine/follow.ts'
import { recordOf } from '../../src/metal/record.ts'
import { createTestCloud, type Reply, startFakeApi } from '../helpers/api-fake.ts'

const gone: Reply = { status: 404, json: { error: 'Not found' } }
const deviceOf = (state: string, more = {}): Reply => ({ status: 200, json: { id: 'd-1', state, ...more } })

/** Follows a machine whose lookups return these states in order; the last one repeats. */
async function follow(looks: readonly Reply[], events: readonly (readonly string[])[] = [], timeoutMs = 60_000) {
  const devices = [...looks]
  const lists = [...events]
  await using api = await startFakeApi(({ path }) => {
    if (!path.includes('/events')) return (devices.length > 1 ? devices.shift() : devices[0]) ?? gone
    const ids = (lists.length > 1 ? lists.shift() : lists[0]) ?? []
    return { status: 200, json: { events: ids.map((id) => ({ id, type: id, body: `body of ${id}` })) } }
  })
  const seen: Observation[] = []
  const stop = new AbortController()
  const { cloud } = await createTestCloud(api.apiUrl)
  const outcome = await followMachine({
    cloud,
    id: 'd-1',
    timeoutMs,
    onLook: (observation) => {
      seen.push(observation)
      if (seen.length > 100) stop.abort(new InterruptedError('SIGINT'))
    },
    signal: stop.signal,
  }).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  return { outcome, states: seen.map(({ machine }) => machine.state), seen }
}

describe('a machine', () => {
  test.each<[string, Reply[], string, string[]]>([
    [
      'that is off in two polls in a row is powered off',
      [deviceOf('queued'), deviceOf('active'), deviceOf('inactive'), deviceOf('inactive')],
      'powered-off',
      ['queued', 'active', 'inactive', 'inactive'],
    ],
    [
      'that is off in one poll is rebooting',
      [deviceOf('inactive'), deviceOf('active'), deviceOf('inactive'), deviceOf('inactive')],
      'powered-off',
      ['inactive', 'active', 'inactive', 'inactive'],
    ],
    [
      'that is not found once is polled again',
      [deviceOf('active'), gone, deviceOf('active'), gone, deviceOf('inactive')],
      'powered-off',
      ['active', 'active', 'inactive', 'inactive'],
    ],
    [
      'that is not found twice is gone',
      [deviceOf('provisioning', { provisioning_percentage: 40 }), gone, gone],
      'the machine d-1 is gone; it was last seen provisioning 40%',
      ['provisioning'],
    ],
    [
      'that fails ends it',
      [deviceOf('queued'), deviceOf('failed')],
      'the machine d-1 failed (failed)',
      ['queued', 'failed'],
    ],
  ])('%s', async (_, looks, outcome, states) => {
    expect(await follow(looks)).toMatchObject({ outcome, states })
  })

  test('that does not come up in time is an error; for a running machine there is no limit', async () => {
    expect((await follow([deviceOf('provisioning')])).outcome).toBe(
      'the machine d-1 did not come up in time (provisioning)',
    )
    expect((await follow([deviceOf('active')])).outcome).toBe('by SIGINT')
  })

  test.each([
    ['levitating', 'was in an unknown state for too long (levitating)'],
    ['powering_on', 'did not come up in time (powering_on)'],
    ['powering_off', 'did not power off in time (powering_off)'],
    ['deprovisioning', 'is being deleted, but is not gone in time (deprovisioning)'],
  ])('that stays %s ends it with what was seen last', async (state, words) => {
    expect((await follow([deviceOf('queued'), deviceOf(state)])).outcome).toBe(`the machine d-1 ${words}`)
  })

  test('that was on has the whole time again to leave a state', async () => {
    const on = Array.from({ length: 40 }, () => deviceOf('active'))
    const passing = ['levitating', 'powering_on', 'levitating', 'inactive'].map((state) => deviceOf(state))
    expect((await follow([...on, ...passing])).outcome).toBe('powered-off')
  })

  test('that goes from one such state to another has no more time', async () => {
    const flapping = Array.from({ length: 90 }, (_, look) => deviceOf(look % 2 === 0 ? 'levitating' : 'provisioning'))
    expect((await follow(flapping)).outcome).toMatch(/^the machine d-1 (?:was in an unknown|did not come up)/)
  })
})

test('new events are those since the last look, oldest first, and the newest event of all is kept', async () => {
  const { seen } = await follow(
    [deviceOf('queued'), deviceOf('active'), deviceOf('inactive')],
    [
      ['b', 'a'],
      ['d', 'c', 'b', 'a'],
    ],
  )
  expect(seen.slice(0, 3).map(({ news }) => news.map(({ id }) => id))).toEqual([['a', 'b'], ['c', 'd'], []])
  expect(seen[2]?.newest?.id).toBe('d')
})

test.each([
  ['provisioning', 39.6, 'Network\nconfigured', 'provisioning 40%: Network configured'],
  ['provisioning', null, undefined, 'provisioning'],
  ['active', 100, 'Ready', 'active: Ready'],
])('%s at %d with %j is %s', (state, percentage, body, text) => {
  const machine = recordOf({ id: 'd-1', state, provisioning_percentage: percentage })
  expect(describeProgress({ machine, newest: body === undefined ? undefined : { body } })).toBe(text)
})
