// Answers in the form of Latitude.sh (JSON:API). Texts that no source shows are inferred, marked [I].
import type { LabAnswer } from '../../web/answer.ts'

const headers = { 'content-type': 'application/vnd.api+json; charset=utf-8' }

/** An object on the wire. */
export interface JsonResource {
  id: string
  type: string
  attributes: Record<string, unknown>
}

/** One object. */
export function single(data: JsonResource, status = 200): LabAnswer {
  return { status, json: { data, meta: {} }, headers }
}

/** JSON without an object. */
export function bare(json: object, status = 200): LabAnswer {
  return { status, json, headers }
}

/** Words of a refusal. */
interface Refusal {
  code: string | null
  title: string
  detail: string
  /** The status in the body, which may be a word. */
  word?: string
  source?: { pointer?: string; parameter?: string }
  headers?: Record<string, string>
}

/** A refusal. */
export function refusal(status: number, { word, headers: more, ...error }: Refusal): LabAnswer {
  const errors = [{ ...error, status: word ?? String(status), meta: {} }]
  return { status, json: { errors }, headers: { ...headers, ...more } }
}

/** A refusal of the content of a request. */
export function invalid(detail: string, field?: string, status = 422): LabAnswer {
  const source = field === undefined ? {} : { source: { pointer: `/data/attributes/${field}` } }
  return refusal(status, { code: 'VALIDATION_ERROR', title: 'Validation Error', detail, ...source })
}

/** A refusal that is about no object [I]. */
export function refuse(status: number, detail: string, more: Record<string, string> = {}): LabAnswer {
  return refusal(status, { code: null, title: 'Error', detail, headers: more })
}

export const notFound = refusal(404, { code: 'not_found', title: 'Error', detail: 'Specified Record Not Found' })
export const unauthorized = refusal(401, { code: 'UNAUTHORIZED', title: 'Unauthorized', detail: 'Invalid token' })
export const forbidden = refusal(403, {
  code: 'USER_AUTHORIZATION_ERROR',
  word: 'forbidden',
  title: 'User Authorization Error',
  detail: 'You are not authorized to perform this action.',
})
export const wrongRole = refusal(403, {
  code: 'SERVER_DEVICE_ROLE_ERROR',
  word: 'forbidden',
  title: 'Server Device Role Error',
  detail: 'Only bare metal servers can be deleted',
})
export const locked = refusal(423, {
  code: null,
  word: 'locked',
  title: 'Locked Server',
  detail: 'Server is locked and cannot be updated or deleted',
})
export const beingProvisioned = refusal(422, {
  code: 'SERVER_BEING_PROVISIONED',
  title: 'Unable to reinstall',
  detail: 'Server is being provisioned',
})
export const inRescueMode = refusal(422, {
  code: 'SERVER_IN_RESCUE_MODE',
  title: 'Server in Rescue Mode',
  detail: 'Server is in rescue mode and cannot be reinstalled',
})
export const reinstallUnavailable = refusal(422, {
  code: 'REINSTALL_UNAVAILABLE',
  title: 'Reinstall Unavailable',
  detail:
    'Your server has outdated hardware information and is unable to reinstall. Please contact support for assistance.',
})
export const reinstallNotFound = refusal(404, {
  code: 'REINSTALL_SERVER_NOT_FOUND',
  title: 'Reinstall Server Not Found',
  detail: "Sorry, we're unable to reinstall",
})
export const reserved = refusal(422, {
  code: null,
  title: 'Error',
  detail: 'Reserved servers cannot be directly deleted. Please schedule the deletion to the end of the billing cycle',
})
export const paymentRequired = refusal(402, {
  code: 'PAYMENT_REQUIRED',
  title: 'Payment Required',
  detail: 'Add a billing method to deploy servers',
})
/** [I] */
export const outOfStock = (plan: string, site: string): LabAnswer =>
  invalid(`The plan ${plan} is out of stock in ${site}`, 'plan')
