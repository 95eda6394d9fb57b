// What an answer of the API means: the thing that was asked for, or an error that can be shown.
import type { z } from 'zod'
import { ApiError, AuthenticationError } from '../errors.ts'
import type { Answer, NoAnswerError } from '../http/transport.ts'
import { plainText } from '../text/plain-text.ts'
import { errorSchema } from './schema.ts'

/** A call of the API. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  /** What is being done, for errors: "creating a machine". */
  doing: string
  body?: unknown
  signal?: AbortSignal | undefined
  /** Aborted: the try under way goes on, and no other one is begun. */
  lastTry?: AbortSignal | undefined
}

/** A POST that may or may not have been carried out: the answer was lost, late, a 5xx, or not to be read. */
export class UncertainError extends ApiError {}

/** True for an answer that says a device is not there (any more): 404, or 403 for one the API has taken back. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 403 || error.status === 404)
}

/** Whether a body is JSON to its end; no body is whole too. */
export function isWholeJson(text: string): boolean {
  if (text === '') return true
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function contentTypeOf(answer: Answer): string {
  return JSON.stringify(answer.headers['content-type'] ?? 'no content type')
}

/** The words of an API error, on one line. */
function wordsOf(answer: Answer): string {
  let words: string | undefined
  try {
    const parsed = errorSchema.safeParse(JSON.parse(answer.text))
    words = parsed.success ? (parsed.data.errors?.join('; ') ?? parsed.data.error) : undefined
  } catch {
    words = undefined
  }
  const clean = words === undefined ? undefined : plainText(words).slice(0, 500)
  return clean ? ` "${clean}"` : ` (${contentTypeOf(answer)}, not an error in the API's form)`
}

function requestIdOf(answer: Answer): string {
  const id = answer.headers['x-request-id']
  return id !== undefined && /^[\w.:-]{1,100}$/.test(id) ? ` [request ${id}]` : ''
}

/** What a 2xx answer carries. @throws UncertainError (after a POST) or ApiError when it is not what it should be */
export function readAnswer<S extends z.ZodType>(call: Call, answer: Answer, schema: S): z.infer<S> {
  const unreadable = (why: string) => {
    const message = `${call.doing}: the answer (${answer.status}) ${why}${requestIdOf(answer)}`
    const options = { status: answer.status, hint: 'check that --api-url is a Metal API' }
    return call.method === 'POST' ? new UncertainError(message, options) : new ApiError(message, options)
  }
  let json: unknown
  try {
    json = JSON.parse(answer.text)
  } catch {
    throw unreadable(`is not whole JSON (${contentTypeOf(answer)}, ${answer.text.length} characters)`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw unreadable(`lacks a proper "${parsed.error.issues[0]?.path.join('.') ?? ''}"`)
}

/** Where the cloud was; still the default, as upstream's. */
const closedApi = 'https://api.equinix.com/'

/** The error for a call that was never answered. */
export function noAnswer(call: Call, lost: NoAnswerError, apiUrl: string): ApiError {
  const message = `${call.doing}: ${lost.message} (${new URL(apiUrl).host})`
  const hint = lost.untrusted
    ? 'if it is that of a proxy or an API of your own, name its authority with NODE_EXTRA_CA_CERTS'
    : apiUrl.startsWith(closedApi)
      ? 'that service closed on 2026-06-30: name another with --api-url, or begin with metalkit lab'
      : 'check --api-url and the network'
  const options = { hint, cause: lost }
  return call.method === 'POST' && !lost.neverSent
    ? new UncertainError(message, options)
    : new ApiError(message, options)
}

/** Answers below 500 to a POST that may have been carried out: something gave up waiting, or met what an earlier try has made. */
const uncertainStatuses = new Set([408, 409, 425, 499])

/** The error for an answer that is not 2xx. */
export function refusal(call: Call, answer: Answer): ApiError | AuthenticationError {
  const { status } = answer
  const message = `${call.doing}: the API answered ${status}${wordsOf(answer)}${requestIdOf(answer)}`
  if (status === 401) {
    return new AuthenticationError(message, { hint: 'check --api-key, METAL_API_TOKEN or token in metal.yaml' })
  }
  const options = { status, ...hintFor(call, status) }
  const isUncertain = call.method === 'POST' && (status < 400 || status >= 500 || uncertainStatuses.has(status))
  return isUncertain ? new UncertainError(message, options) : new ApiError(message, options)
}

/** What to do about a status that says little; of others the API's own words do. */
function hintFor({ path }: Call, status: number): { hint?: string } {
  if (status !== 403 && status !== 404) return {}
  if (path.startsWith('/devices/')) return { hint: 'metalkit ls shows those that metalkit made' }
  return path.startsWith('/projects/') ? { hint: 'check --project-id, and that the token may use it' } : {}
}
