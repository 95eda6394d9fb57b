// The faults of the Latitude.sh API, in its words.
import {
  type ApiFault,
  type FaultDialect,
  type ListSpoiler,
  proxyAnswer,
  stepsByPattern,
  wordlessFaults,
} from '../faults/dialect.ts'
import { lagMs } from '../faults/list-faults.ts'
import type { LabAnswer } from '../web/answer.ts'
import {
  beingProvisioned,
  forbidden,
  invalid,
  locked,
  notFound,
  outOfStock,
  paymentRequired,
  refuse,
  reinstallUnavailable,
  reserved,
  unauthorized,
  wrongRole,
} from './model/answers.ts'

interface List {
  data: { attributes?: { created_at?: unknown } }[]
}

function isList(json: unknown): json is List {
  return typeof json === 'object' && json !== null && 'data' in json && Array.isArray(json.data)
}

/** The list omits objects younger than the fault's `for`, which is 20 s by default. */
function lag(answer: LabAnswer, lastsMs = lagMs): LabAnswer {
  const { json } = answer
  if (!isList(json)) return answer
  const isOld = ({ attributes }: List['data'][number]) =>
    Date.now() - Date.parse(String(attributes?.created_at)) >= lastsMs
  return { ...answer, json: { ...json, data: json.data.filter(isOld) } }
}

function dropMeta(answer: LabAnswer): LabAnswer {
  const { json } = answer
  return isList(json) ? { ...answer, json: { data: json.data } } : answer
}

const lists: readonly (readonly [string, ListSpoiler])[] = [
  ['no-meta', { spoil: dropMeta }],
  ['filter-ignored', { keeps: /^(page|stats)\[/, spoil: (answer) => answer }],
  ['lagging', { spoil: lag }],
]

const kinds: ReadonlyMap<string, ApiFault> = new Map<string, ApiFault>([
  ['401', { instead: unauthorized }],
  ['402', { instead: paymentRequired }],
  ['403', { instead: forbidden }],
  ['403-role', { instead: wrongRole }],
  ['404', { instead: notFound }],
  ['422-keys', { instead: invalid(`The following SSH Keys were not found in project 'proj_1': ["ssh_1"].`) }],
  ['422-plan', { instead: invalid('Plan not found', 'plan') }],
  ['422-stock', { instead: outOfStock('c3-small-x86', 'DAL') }],
  ['422-ipxe', { instead: invalid('ipxe must be informed', 'ipxe') }],
  ['422-provisioning', { instead: beingProvisioned }],
  ['422-reinstall', { instead: reinstallUnavailable }],
  ['422-reserved', { instead: reserved }],
  ['423', { instead: locked }],
  ['429', { instead: refuse(429, 'Too many requests') }],
  ['500', { instead: refuse(500, 'Internal Server Error') }],
  ['502-html', { instead: proxyAnswer(502, 'Bad Gateway') }],
  ['503', { instead: refuse(503, 'Service Unavailable') }],
  ['504-html', { instead: proxyAnswer(504, 'Gateway Timeout') }],
  ...wordlessFaults,
  ...lists.map(([name, list]) => [name, { list }] as const),
  ['stuck-off', { plight: 'stuck-queued' }],
  ['stuck-deploying', { plight: 'stuck-installing' }],
  ['failed-deployment', { plight: 'fails' }],
])

/** The faults of Latitude.sh. */
export const latitudeFaults: FaultDialect = {
  steps: [
    'create',
    'list',
    'get',
    'update',
    'action',
    'reinstall',
    'delete',
    'console',
    'projects',
    'plans',
    'keys',
    'sos',
  ],
  stepOf: stepsByPattern([
    [/^POST \/servers$/, 'create'],
    [/^GET \/servers$/, 'list'],
    [/^GET \/servers\/[^/]+$/, 'get'],
    [/^PATCH \/servers\/[^/]+(\/deploy_config)?$/, 'update'],
    [/^POST \/servers\/[^/]+\/actions$/, 'action'],
    [/^POST \/servers\/[^/]+\/reinstall$/, 'reinstall'],
    [/^DELETE \/servers\/[^/]+$/, 'delete'],
    [/^(POST|GET) \/servers\/[^/]+\/out_of_band_connection$/, 'console'],
    [/^GET \/projects$/, 'projects'],
    [/^GET \/plans$/, 'plans'],
    [/^GET \/ssh_keys$/, 'keys'],
  ]),
  kinds,
  installing: ['create', 'reinstall'],
}
