// What an answer of the API means: the thing that was asked for, or an error that can be shown.
import type { z } from 'zod'
import { ApiError, AuthenticationError } from '../errors.ts'
import type { Answer, NoAnswerError } from '../http/transport.ts'
import { isLoopback } from '../http/proxy.ts'
import { hidePassword } from '../text/hide-password.ts'
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
  /** Whether a try that was turned away was carried out all the same; asked before the next one. */
  wasDone?: (() => Promise<boolean>) | undefined
  /** How long the answer may take to begin, where that is longer than usual. */
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

/** The words of an API error, on one line; nothing if it is not in the API's form. */
function readWords(answer: Answer): string | undefined {
  try {
    const parsed = errorSchema.safeParse(JSON.parse(answer.text))
    const words = parsed.success ? (parsed.data.errors?.join('; ') ?? parsed.data.error) : undefined
    return words === undefined ? undefined : plainText(words).slice(0, 500)
  } catch {
    return undefined
  }
}

function wordsOf(answer: Answer): string {
  const clean = readWords(answer)
  return clean ? ` "${clean}"` : ` (${contentTypeOf(answer)}, not an error in the API's form)`
}

function requestIdOf(answer: Answer): string {
  const id = answer.headers['x-request-id']
  return id !== undefined && /^[\w.:-]{1,100}$/.test(id) ? ` [request ${id}]` : ''
}

/** What a 2xx answer carries. @throws UncertainError (after a POST) or ApiError when it is not what it should be */
export function readAnswer<S extends z.ZodType>(call: Call, answer: Answer, schema: S, origin: Origin): z.infer<S> {
  const unreadable = (why: string) => {
    const message = `${call.doing}: the answer (${answer.status}) ${why}${requestIdOf(answer)}`
    const options = { status: answer.status, hint: `check that ${nameApi(origin)} is a Metal API` }
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
export function noAnswer(call: Call, lost: NoAnswerError, origin: Origin): ApiError {
  const { apiUrl } = origin
  const message = `${call.doing}: ${lost.message} (${new URL(apiUrl).host})`
  const hint = lost.untrusted
    ? 'if it is that of a proxy or an API of your own, name its authority with NODE_EXTRA_CA_CERTS'
    : apiUrl.startsWith(closedApi)
      ? 'that service closed on 2026-06-30: name another with --api-url, or begin with metalkit lab'
      : `check ${nameApi(origin)} and the network`
  const options = { hint, cause: lost }
  return call.method === 'POST' && !lost.neverSent
    ? new UncertainError(message, options)
    : new ApiError(message, options)
}

/** Answers below 500 to a POST that may have been carried out: something gave up waiting, or met what an earlier try has made. */
const uncertainStatuses = new Set([408, 409, 425, 499])

/** The error for an answer that is not 2xx. */
export function refusal(call: Call, answer: Answer, origin: Origin): ApiError | AuthenticationError {
  const { status } = answer
  const message = `${call.doing}: the API answered ${status}${wordsOf(answer)}${requestIdOf(answer)}`
  if (status === 401) return new AuthenticationError(message, { hint: hintForToken(origin) })
  const options = { status, ...hintFor(call, answer, origin) }
  const isUncertain = call.method === 'POST' && (status < 400 || status >= 500 || uncertainStatuses.has(status))
  return isUncertain ? new UncertainError(message, options) : new ApiError(message, options)
}

/** Where the token came from that the API does not take. */
function hintForToken({ apiUrl, tokenFrom }: Origin): string {
  const renew = isLoopback(new URL(apiUrl))
    ? '; for a lab, run again: eval "$(metalkit lab env)" (with --name for one that has a name)'
    : ''
  return `${tokenFrom ?? '--api-key'} is wrong or has expired; replace it${renew}`
}

/** What to do about a status that says little; of others the API's own words do. */
function hintFor({ path }: Call, answer: Answer, origin: Origin): { hint?: string } {
  const { status } = answer
  if (status !== 403 && status !== 404) return {}
  const api = `the API URL ${nameApi(origin)}`
  if (readWords(answer) === undefined) return { hint: `check ${api}: the answer is not a Metal API's` }
  // Other servers have the same words for a path that they do not know.
  const isUsualPath = new URL(origin.apiUrl).pathname === '/metal/v1'
  if (path.startsWith('/devices/')) {
    const known = 'metalkit ls shows those that metalkit made'
    return { hint: isUsualPath ? known : `check ${api}; ${known}` }
  }
  if (!path.startsWith('/projects/')) return isUsualPath ? {} : { hint: `check ${api}` }
  const project = '--project-id, and that the token may use it'
  if (!isUsualPath) return { hint: `check ${api}, which mostly ends in /metal/v1; else ${project}` }
  return { hint: origin.apiUrl.startsWith(closedApi) ? `check ${project}` : `check ${project}, and ${api}` }
}
