import { describe, expect, test } from 'vitest'
import { toRecord } from '../../src/latitude/record.ts'
import { serverSchema, serverStates } from '../../src/latitude/schema.ts'

const mark = `mk-${'a'.repeat(25)}`

/** The recorded answer to a create of 2024 (latitudesh-go, TestAccServerBasic). */
const recorded = {
  type: 'servers',
  id: 'sv_LqG158rA60BOg',
  attributes: {
    hostname: 'testrand',
    label: '196S008132',
    role: 'Bare Metal',
    status: 'starting_deploy',
    primary_ipv4: '177.54.145.86',
    specs: { cpu: '', disk: '', ram: '64 GB', nic: '2 X 1 Gbit/s' },
    plan: { id: 'plan_1', name: 'c2.small.x86', slug: 'c2-small-x86', billing: 'yearly' },
  },
}

function recordOf(attributes: Record<string, unknown>, isStarting = false) {
  return toRecord(
    serverSchema.parse({ ...recorded, attributes: { ...recorded.attributes, ...attributes } }),
    isStarting,
  )
}

test('an answer with few fields is a machine', () => {
  expect(toRecord(serverSchema.parse(recorded), false)).toEqual({
    id: 'sv_LqG158rA60BOg',
    state: 'starting_deploy',
    phase: 'coming',
    hostname: 'testrand',
    plan: 'c2-small-x86',
    place: '',
    createdAt: undefined,
    isLocked: false,
    isOurs: false,
    attempt: undefined,
    percentage: undefined,
    projectId: undefined,
    whyNotBootable: undefined,
  })
})

test('an answer with all fields is a machine', () => {
  const attributes = {
    hostname: `${mark}-3`,
    status: 'on',
    locked: true,
    created_at: '2026-01-14T15:56:58+00:00',
    region: { city: 'Dallas', site: { id: 'loc_1', slug: 'DAL' } },
    project: { id: 'proj_1', slug: 'lab', provisioning_type: 'on_demand' },
  }
  expect(recordOf(attributes)).toMatchObject({
    phase: 'on',
    place: 'DAL',
    createdAt: '2026-01-14T15:56:58+00:00',
    isLocked: true,
    isOurs: true,
    attempt: 3,
    projectId: 'proj_1',
  })
})

describe('states are an open set', () => {
  const rows = [
    ['on', 'on'],
    ['off', 'off'],
    ['starting_deploy', 'coming'],
    ['deploying', 'coming'],
    ['disk_erasing', 'coming'],
    ['reinstalling', 'coming'],
    ['deleting', 'going'],
    ['failed_deployment', 'failed'],
    ['failed_disk_erasing', 'failed'],
    ['unknown', 'unknown'],
    ['rescue_mode', 'on'],
    ['levitating', 'unknown'],
    ['constructor', 'unknown'],
  ]
  test.each(rows)('%s is %s', (status, phase) =>
    expect(recordOf({ status: status ?? '' })).toMatchObject({ state: status, phase }),
  )

  test('each known state has a row', () => {
    const listed = rows.map(([status]) => status)
    expect(listed).toEqual(expect.arrayContaining([...serverStates]))
  })

  test('off means coming for a machine that has not been started yet', () => {
    expect(recordOf({ status: 'off' }, true)).toMatchObject({ state: 'off', phase: 'coming' })
    expect(recordOf({ status: 'failed_deployment' }, true)).toMatchObject({ phase: 'failed' })
    expect(recordOf({ status: 'deleting' }, true)).toMatchObject({ phase: 'going' })
  })
})

test.each([
  [{ status: 'rescue_mode' }, 'is in rescue mode, in which it cannot be reinstalled'],
  [{ role: 'Virtual Machine' }, 'has the role "Virtual Machine" and does not boot over iPXE'],
])('%j cannot boot over iPXE', (attributes, message) =>
  expect(recordOf(attributes).whyNotBootable).toMatchObject({ message }),
)

test.each([{ role: null }, { role: undefined }, { role: 'bare metal' }, { status: 'off' }])('%j can', (attributes) =>
  expect(recordOf(attributes).whyNotBootable).toBeUndefined(),
)
