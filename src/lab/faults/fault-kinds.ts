// The faults of the Metal API. The texts were observed from the real API.
import { forbiddenDevice, notFound, refuse, unauthorized, unprocessable } from '../web/answer.ts'
import { type ApiFault, type FaultDialect, proxyAnswer, sosFaults, stepsByPattern, wordlessFaults } from './dialect.ts'
import { listFaults, spoilerOf } from './list-faults.ts'

export { sosFaults }

const facilityGone =
  "The 'facility' parameter is not supported for organization 6e4c3d1e-58f2-4d2b-9d0d-5c7f2a1f6f5a. For more details, see https://feedback.equinixmetal.com/changelog/bye-facilities-hello-again-metros"
const ohSnap =
  "Oh snap, something went wrong! We've logged the error and will take a look - please reach out to us if you continue having trouble."

/** Faults of the API by name. */
export const apiFaults: ReadonlyMap<string, ApiFault> = new Map<string, ApiFault>([
  ['401', { instead: unauthorized }],
  ['403', { instead: forbiddenDevice }],
  ['403-token', { instead: refuse(403, 'Access denied for the current authentication token') }],
  ['404', { instead: notFound }],
  ['422-facility', { instead: unprocessable('ny5 is not a valid facility') }],
  ['422-facility-blank', { instead: unprocessable("Facility can't be blank") }],
  ['422-facility-gone', { instead: unprocessable(facilityGone) }],
  ['422-plan', { instead: unprocessable('Type0 is not a valid plan') }],
  ['422-ipxe', { instead: unprocessable('only ipxe_script_url or userdata may be used for custom ipxe.') }],
  ['422-provisioning', { instead: unprocessable('Cannot delete a device while it is provisioning') }],
  ['422-locked', { instead: unprocessable('Cannot delete a locked item') }],
  ['422-capacity', { instead: unprocessable("There aren't available servers in that metro") }],
  ['422-server', { instead: unprocessable('Server is not provisionable') }],
  ['429', { instead: refuse(429, 'Too many requests') }],
  ['500', { instead: refuse(500, ohSnap) }],
  ['502-html', { instead: proxyAnswer(502, 'Bad Gateway') }],
  ['503', { instead: refuse(503, 'Service unavailable') }],
  ['504-html', { instead: proxyAnswer(504, 'Gateway Timeout') }],
  ...wordlessFaults,
  ...listFaults.map((kind) => [kind, { list: spoilerOf(kind) }] as const),
])

/** The kinds of request to the API, and the connection to the console. */
export const steps = ['create', 'list', 'get', 'events', 'update', 'action', 'delete', 'sos'] as const

/** The step that a request belongs to; undefined if no fault applies to it. */
export const stepOf = stepsByPattern([
  [/^POST \/projects\/[^/]+\/devices$/, 'create'],
  [/^GET \/projects\/[^/]+\/devices$/, 'list'],
  [/^GET \/devices\/[^/]+$/, 'get'],
  [/^GET \/devices\/[^/]+\/events$/, 'events'],
  [/^(PUT|PATCH) \/devices\/[^/]+$/, 'update'],
  [/^POST \/devices\/[^/]+\/actions$/, 'action'],
  [/^DELETE \/devices\/[^/]+$/, 'delete'],
])

/** The faults of the Metal API. */
export const metalFaults: FaultDialect = { steps, stepOf, kinds: apiFaults, installing: [] }
