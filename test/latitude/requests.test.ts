// Each documented request: method, path, query and body, against a server that refuses anything else.
import { expect, test } from 'vitest'
import type { Cloud, Order } from '../../src/machine/cloud.ts'
import {
  openTestCloud,
  onDemandProject,
  page,
  planOf,
  type Reply,
  runId,
  type Seen,
  serverOf,
  startStrictApi,
} from './strict-api.ts'

const never = new AbortController().signal
const mark = 'mk-02fapl4n189co4ugz6xwovt9r'
const order: Order = {
  plan: 'c3-small-x86',
  place: 'DAL',
  hostname: undefined,
  scriptUrl: 'http://203.0.113.9:8080/linuxkit.ipxe',
  alwaysPxe: true,
}
const turnedAway = { note() {}, wasDone: async () => false }
const key = { type: 'ssh_keys', id: 'ssh_1', attributes: { name: 'me', public_key: 'ssh-ed25519 AAAA me@home' } }
const outOfBand = {
  data: {
    id: 'obc_1',
    type: 'out_of_band',
    attributes: {
      ssh_key: { id: 'ssh_1', description: 'me', fingerprint: '14:e2' },
      username: 'server-1',
      credentials: { user: 'donn', password: '398ig362ci' },
      port: '2222',
      access_ip: '189.1.2.0',
      server_id: 'sv_1',
      status: 'connected',
    },
  },
  meta: {},
}
const machine = serverOf('sv_1', { hostname: mark })

const replies: Record<string, Reply> = {
  'GET /projects': page([onDemandProject], 1),
  'GET /plans': page([planOf('c3-small-x86', ['DAL', 'ASH'], ['DAL'])]),
  'GET /regions': page([{ id: 'loc_1', attributes: { slug: 'DAL' } }], 1),
  'GET /ssh_keys': page([key], 1),
  'GET /servers': page([machine], 1),
  'POST /servers': { status: 201, json: { data: serverOf('sv_1', { hostname: mark, status: 'off' }), meta: {} } },
  'GET /servers/sv_1': { status: 200, json: { data: machine, meta: {} } },
  'DELETE /servers/sv_1': { status: 204 },
  'POST /servers/sv_1/actions': {
    status: 201,
    json: { data: { id: 'act_1', type: 'actions', attributes: { status: 'Rebooting device' } }, meta: {} },
  },
  'POST /servers/sv_1/reinstall': { status: 201, json: {} },
  'POST /servers/sv_1/out_of_band_connection': { status: 201, json: outOfBand },
}

const list = (filter: Record<string, string>) => ({
  ...filter,
  'page[size]': '100',
  'page[number]': '1',
  'stats[total]': 'count',
})

test.each<[string, (cloud: Cloud) => Promise<unknown>, Partial<Seen>[]]>([
  [
    'prepare',
    (cloud) => cloud.prepare({ plan: 'c3.small.x86', place: 'dal' }, never),
    [
      { method: 'GET', path: '/projects', query: list({}) },
      { method: 'GET', path: '/plans', query: {} },
    ],
  ],
  [
    'create',
    (cloud) => cloud.create({ order, mark, attempt: 2, turnedAway, lastTry: never }),
    [
      {
        method: 'POST',
        path: '/servers',
        query: {},
        body: {
          data: {
            type: 'servers',
            attributes: {
              project: 'proj_1',
              plan: 'c3-small-x86',
              site: 'DAL',
              operating_system: 'ipxe',
              hostname: `${mark}-2`,
              ipxe: 'http://203.0.113.9:8080/linuxkit.ipxe',
              persistent_netboot: true,
              billing: 'hourly',
            },
          },
        },
      },
    ],
  ],
  ['get', (cloud) => cloud.get('sv_1'), [{ method: 'GET', path: '/servers/sv_1', query: {} }]],
  [
    'list',
    (cloud) => cloud.list(mark),
    [{ method: 'GET', path: '/servers', query: list({ 'filter[project]': 'proj_1' }) }],
  ],
  [
    'findListed',
    (cloud) => cloud.findListed({ id: 'sv_1', projectId: 'proj_2' }),
    [{ method: 'GET', path: '/servers', query: list({ 'filter[project]': 'proj_2' }) }],
  ],
  ['delete', (cloud) => cloud.delete('sv_1'), [{ method: 'DELETE', path: '/servers/sv_1', query: {} }]],
  ...(['on', 'off', 'reboot'] as const).map((action): [string, (cloud: Cloud) => Promise<unknown>, Partial<Seen>[]] => [
    `power ${action}`,
    (cloud) => cloud.power('sv_1', action, never),
    [
      {
        method: 'POST',
        path: '/servers/sv_1/actions',
        body: {
          data: {
            type: 'actions',
            attributes: { action: { on: 'power_on', off: 'power_off', reboot: 'reboot' }[action] },
          },
        },
      },
    ],
  ]),
  [
    'boot',
    async (cloud) => cloud.boot({ ...(await cloud.get('sv_1')), state: 'off' }, { ...order, alwaysPxe: false }, never),
    [
      { method: 'GET', path: '/servers/sv_1' },
      {
        method: 'POST',
        path: '/servers/sv_1/reinstall',
        body: {
          data: {
            type: 'reinstalls',
            attributes: {
              operating_system: 'ipxe',
              hostname: mark,
              ipxe: 'http://203.0.113.9:8080/linuxkit.ipxe',
              persistent_netboot: false,
            },
          },
        },
      },
      { method: 'GET', path: '/servers/sv_1' },
    ],
  ],
  [
    'listKeys',
    (cloud) => cloud.listKeys(never),
    [{ method: 'GET', path: '/ssh_keys', query: list({ 'filter[project]': 'proj_1' }) }],
  ],
  [
    'openConsole',
    async (cloud) =>
      cloud.openConsole(await cloud.get('sv_1'), {
        publicKeys: ['ssh-rsa BBBB', 'ssh-ed25519 AAAA'],
        onWait() {},
        signal: never,
      }),
    [
      { method: 'GET', path: '/servers/sv_1' },
      { method: 'GET', path: '/ssh_keys', query: list({ 'filter[project]': 'proj_1' }) },
      {
        method: 'POST',
        path: '/servers/sv_1/out_of_band_connection',
        body: { data: { type: 'out_of_band', attributes: { ssh_key_id: 'ssh_1' } } },
      },
    ],
  ],
  ['readTime', (cloud) => cloud.readTime(never), [{ method: 'GET', path: '/regions', query: {} }]],
  ['check token', (cloud) => cloud.check('token', never), [{ method: 'GET', path: '/regions', query: list({}) }]],
  ['check project', (cloud) => cloud.check('project', never), [{ method: 'GET', path: '/projects', query: list({}) }]],
])('%s', async (_, act, requests) => {
  await using api = await startStrictApi(({ method, path }) => replies[`${method} ${path}`] ?? { status: 599 })
  const { cloud, report } = await openTestCloud(api.apiUrl)
  const result = await act(cloud)
  expect(api.complaints).toEqual([])
  expect(api.all).toMatchObject(requests)
  expect(api.all).toHaveLength(requests.length)
  expect(JSON.stringify([result, report.lines])).not.toMatch(/sesame|398ig362ci|donn/)
})

test('the mark of a run is the host name of its first machine', async () => {
  await using api = await startStrictApi(() => ({ status: 599 }))
  const { cloud } = await openTestCloud(api.apiUrl)
  expect(cloud.markOf(runId)).toBe(mark)
})
