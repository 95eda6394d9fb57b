// What an API answer means: the requested data, or an error written for the user.
import type { z } from 'zod/mini'
import { ApiError, AuthenticationError, UncertainError } from '../errors.ts'
import type { ApiAnswer, NoAnswerError } from '../http/transport.ts'
import { isLoopback } from '../http/proxy.ts'
import { hidePassword } from '../text/hide-password.ts'
import { readJson } from '../text/json.ts'
import { plainText } from '../text/plain-text.ts'
import { errorSchema } from './schema.ts'

/** Handles answers of 429: the request may have been carried out anyway. */
interface TurnedAway {
  /** Called at once for every such answer: an interrupt may end the wait for the next attempt. */
  note(): void
  /** Tells whether it was carried out; called before the next attempt. */
  wasDone(): Promise<boolean>
}

/** A call of the API. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  /** What the call does, for errors: "creating a machine". */
  doing: string
  body?: unknown
  signal?: AbortSignal | undefined
  /** Once aborted, the request under way continues, and no retry starts. */
  lastTry?: AbortSignal | undefined
  /** What to do about an answer of 429. */
  turnedAway?: TurnedAway | undefined
  /** How long the answer may take to begin, if longer than usual. */
  answerTimeoutMs?: number | undefined
}

/** The API that was called, and where its URL and the token came from. */
export interface Origin {
  apiUrl: string
  apiUrlFrom?: string | undefined
  tokenFrom?: string | undefined
}

/** `http://127.0.0.1:7070/metal/v1 (METAL_API_URL)`. */
function nameApi({ apiUrl, apiUrlFrom }: Origin): string {
  return `"${hidePassword(apiUrl)}"${apiUrlFrom === undefined ? '' : ` (from ${apiUrlFrom})`}`
}

/** True for an answer that says a device does not exist: 404, or 403 for a device that the API has taken back. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 403 || error.status === 404)
}

/** Whether a body is complete JSON; an empty body counts as complete. */
export function isWholeJson(text: string): boolean {
  return text === '' || readJson(text) !== undefined
}

/** The time of an answer's Date header, in ms since 1970; undefined if it is missing or malformed. */
export function timeOf({ headers }: ApiAnswer): number | undefined {
  const timeMs = Date.parse(headers['date'] ?? '')
  return Number.isNaN(timeMs) ? undefined : timeMs
}

function contentTypeOf(answer: ApiAnswer): string {
  return JSON.stringify(answer.headers['content-type'] ?? 'no content type')
}

/** The text of an API error, on one line; undefined if it does not have the API's form. */
function readWords(answer: ApiAnswer): string | undefined {
  const refusal = errorSchema.safeParse(readJson(answer.text)).data
  const words = refusal?.errors?.join('; ') ?? refusal?.error
  return words === undefined ? undefined : plainText(words).slice(0, 500)
}

function wordsOf(answer: ApiAnswer): string {
  const clean = readWords(answer)
  return clean ? ` "${clean}"` : ` (${contentTypeOf(answer)}, not an error in the API's format)`
}

function requestIdOf(answer: ApiAnswer): string {
  const id = answer.headers['x-request-id']
  return id !== undefined && /^[\w.:-]{1,100}$/.test(id) ? ` [request ${id}]` : ''
}

/** The data of a 2xx answer. @throws UncertainError (after a POST) or ApiError if it does not fit the schema */
export function readAnswer<S extends z.ZodMiniType>(
  call: Call,
  answer: ApiAnswer,
  schema: S,
  origin: Origin,
): z.infer<S> {
  const unreadable = (why: string) => {
    const message = `${call.doing}: the answer (${answer.status}) ${why}${requestIdOf(answer)}`
    const options = { status: answer.status, hint: `check that ${nameApi(origin)} is a Metal API` }
    return call.method === 'POST' ? new UncertainError(message, options) : new ApiError(message, options)
  }
  const json = readJson(answer.text)
  if (json === undefined)
    throw unreadable(`is not complete JSON (${contentTypeOf(answer)}, ${answer.text.length} characters)`)
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw unreadable(`has no valid "${parsed.error.issues[0]?.path.join('.') ?? ''}"`)
}

/** The closed cloud's API; still the default, as upstream. */
const closedApi = 'https://api.equinix.com/'

/** The error for a call that was never answered. */
export function noAnswer(call: Call, lost: NoAnswerError, origin: Origin): ApiError {
  const { apiUrl } = origin
  const message = `${call.doing}: ${lost.message} (${new URL(apiUrl).host})`
  const hint = lost.untrusted
    ? 'if the certificate belongs to your own proxy or API, set NODE_EXTRA_CA_CERTS to its CA certificate'
    : apiUrl.startsWith(closedApi)
      ? 'that service closed on 2026-06-30: name another with --api-url, or start with metalkit lab'
      : `check ${nameApi(origin)} and the network`
  const options = { hint, cause: lost }
  return call.method === 'POST' && !lost.neverSent
    ? new UncertainError(message, options)
    : new ApiError(message, options)
}

/** Statuses below 500 after which a POST may have been carried out: a proxy gave up, or an earlier try created the object. */
const uncertainStatuses = new Set([408, 409, 425, 499])

/** The error for an answer that is not 2xx. */
export function apiRefusal(call: Call, answer: ApiAnswer, origin: Origin): ApiError | AuthenticationError {
  const { status } = answer
  const message = `${call.doing}: the API answered ${status}${wordsOf(answer)}${requestIdOf(answer)}`
  if (status === 401) return new AuthenticationError(message, { hint: hintForToken(origin) })
  const options = { status, ...hintFor(call, answer, origin) }
  const isUncertain = call.method === 'POST' && (status < 400 || status >= 500 || uncertainStatuses.has(status))
  return isUncertain ? new UncertainError(message, options) : new ApiError(message, options)
}

/** Names the source of the refused token. */
function hintForToken({ apiUrl, tokenFrom }: Origin): string {
  const renew = isLoopback(new URL(apiUrl))
    ? '; for a lab, run again: eval "$(metalkit lab env)" (with --name for a named lab)'
    : ''
  return `${tokenFrom ?? '--api-key'} is wrong or has expired; replace it${renew}`
}

/** Advice for statuses that say little; other answers carry the API's own text. */
function hintFor({ path }: Call, answer: ApiAnswer, origin: Origin): { hint?: string } {
  const { status } = answer
  if (status !== 403 && status !== 404) return {}
  const api = `the API URL ${nameApi(origin)}`
  if (readWords(answer) === undefined) return { hint: `check ${api}: the answer is not from a Metal API` }
  // Other servers use the same text for an unknown path.
  const isUsualPath = new URL(origin.apiUrl).pathname === '/metal/v1'
  if (path.startsWith('/devices/')) {
    const known = 'metalkit ls lists the machines that metalkit created'
    return { hint: isUsualPath ? known : `check ${api}; ${known}` }
  }
  if (!path.startsWith('/projects/')) return isUsualPath ? {} : { hint: `check ${api}` }
  const project = '--project-id and that the token has access to it'
  if (!isUsualPath) return { hint: `check ${api}, which usually ends in /metal/v1, or ${project}` }
  return { hint: origin.apiUrl.startsWith(closedApi) ? `check ${project}` : `check ${project}, and ${api}` }
}
