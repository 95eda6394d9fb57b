// The ways in which a request to the API or a connection to the SOS can fail. The texts were observed from the real API.
import { type ListFault, listFaults } from './list-faults.ts'
import {
  type LabAnswer,
  forbiddenDevice,
  type Mishap,
  notFound,
  refuse,
  unauthorized,
  unprocessable,
} from '../web/answer.ts'

/**
 * `instead`: this answer is sent, and the request is carried out only if the fault says `act`. `mishap`: the request is carried out,
 * but sending its answer fails in this way. `isRepeated`: the request is carried out twice. `list`: the answer is a list with this defect.
 */
export type ApiFault = { instead: LabAnswer } | { mishap: Mishap } | { isRepeated: true } | { list: ListFault }

const html =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n'
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
  ['502-html', { instead: { status: 502, text: html, headers: { 'content-type': 'text/html' } } }],
  ['503', { instead: refuse(503, 'Service unavailable') }],
  ['504-html', { instead: { status: 504, text: html, headers: { 'content-type': 'text/html' } } }],
  ['drop-before', { instead: { status: 500, mishap: { kind: 'dropped' } } }],
  ['drop-after', { mishap: 'dropped' }],
  ['slow-headers', { mishap: 'late' }],
  ['slow-body', { mishap: 'halting' }],
  ['cut-body', { mishap: 'cut' }],
  ['truncated', { mishap: 'truncated' }],
  ['twice', { isRepeated: true }],
  ...listFaults.map((kind) => [kind, { list: kind }] as const),
])

/** Faults of the SOS: the ways in which a connection to it fails. */
export const sosFaults = ['drop-before', 'silent', 'wrong-key', 'auth-refused', 'drop-session'] as const
/** A fault of the SOS. */
export type SosFault = (typeof sosFaults)[number]

/** The kinds of request to the API, and the connection to the console. */
export const steps = ['create', 'list', 'get', 'events', 'update', 'action', 'delete', 'sos'] as const
/** A kind of request, or the connection to the console. */
export type Step = (typeof steps)[number]
