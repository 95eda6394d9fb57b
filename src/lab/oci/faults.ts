// The faults of the Oracle API and of its console gateway.
import {
  type ApiFault,
  type FaultDialect,
  type ListSpoiler,
  proxyAnswer,
  stepsByPattern,
  wordlessFaults,
} from '../faults/dialect.ts'
import { notAuthenticated, notFound, outOfCapacity, refuse } from './wire/refusal.ts'
import { invalidatedToken } from './wire/retry-tokens.ts'

const lagMs = 20_000

function isOlder(item: unknown, ms: number): boolean {
  if (typeof item !== 'object' || item === null || !('timeCreated' in item)) return true
  return Date.now() - Date.parse(String(item.timeCreated)) >= ms
}

const listFaults: readonly (readonly [string, ListSpoiler])[] = [
  [
    'lagging',
    {
      spoil: (answer, lastsMs = lagMs) =>
        Array.isArray(answer.json) ? { ...answer, json: answer.json.filter((item) => isOlder(item, lastsMs)) } : answer,
    },
  ],
  ['filter-ignored', { keeps: /^(compartmentId|limit|page)$/, spoil: (answer) => answer }],
  ['next-endless', { spoil: (answer) => ({ ...answer, headers: { ...answer.headers, 'opc-next-page': 'bGFiOjA' } }) }],
  [
    'no-next',
    {
      spoil({ headers = {}, ...answer }) {
        const { 'opc-next-page': _next, ...rest } = headers
        return { ...answer, headers: rest }
      },
    },
  ],
]

const kinds: ReadonlyMap<string, ApiFault> = new Map<string, ApiFault>([
  ['204', { instead: { status: 204 } }],
  ['400-limit', { instead: refuse('LimitExceeded', 'The following service limits were exceeded.') }],
  ['400-quota', { instead: refuse('QuotaExceeded', 'The compartment quota was exceeded.') }],
  ['400-parameter', { instead: refuse('InvalidParameter', 'A parameter is not valid.') }],
  ['401', { instead: notAuthenticated }],
  ['404', { instead: notFound }],
  ['409', { instead: refuse('IncorrectState', 'The requested state conflicts with the state of the resource.') }],
  ['409-token', { instead: invalidatedToken }],
  ['429', { instead: refuse('TooManyRequests', 'Too many requests for the user.') }],
  ['500', { instead: refuse('InternalError', 'An internal server error occurred.') }],
  ['500-capacity', { instead: outOfCapacity }],
  ['502-html', { instead: proxyAnswer(502, 'Bad Gateway') }],
  ['503', { instead: refuse('ServiceUnavailable', 'The service is currently unavailable.') }],
  ['504-html', { instead: proxyAnswer(504, 'Gateway Timeout') }],
  ['stuck', { plight: 'stuck-installing' }],
  ['fails', { plight: 'fails' }],
  ...wordlessFaults,
  ...listFaults.map(([name, list]) => [name, { list }] as const),
])

const version = String.raw`(?:/20160918)?`
const pattern = (method: string, path: string) => new RegExp(`^${method} ${version}${path}$`)

/** The faults of the API. `console` is the creation of a console connection, `tunnel` a stream through the gateway. */
export const ociFaults: FaultDialect = {
  steps: [
    'create',
    'list',
    'get',
    'update',
    'action',
    'delete',
    'capacity',
    'console',
    'console-get',
    'console-delete',
    'history',
    'sos',
    'tunnel',
  ],
  stepOf: stepsByPattern([
    [pattern('POST', '/instances'), 'create'],
    [pattern('GET', '/instances'), 'list'],
    [pattern('GET', '/instances/[^/]+'), 'get'],
    [pattern('PUT', '/instances/[^/]+'), 'update'],
    [pattern('POST', '/instances/[^/]+'), 'action'],
    [pattern('DELETE', '/instances/[^/]+'), 'delete'],
    [pattern('POST', '/computeCapacityReports'), 'capacity'],
    [pattern('POST', '/instanceConsoleConnections'), 'console'],
    [pattern('GET', '/instanceConsoleConnections/[^/]+'), 'console-get'],
    [pattern('DELETE', '/instanceConsoleConnections/[^/]+'), 'console-delete'],
    [pattern('(?:POST|GET)', '/instanceConsoleHistories.*'), 'history'],
  ]),
  kinds,
  installing: ['create', 'console'],
  played: { tunnel: ['refused', 'busy'] },
}
