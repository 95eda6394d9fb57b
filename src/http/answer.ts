// What an API's answer means: the requested data, or an error written for the user. What differs between APIs is in a Dialect.
import type { z } from 'zod/mini'
import { ApiError, AuthenticationError, FinalRefusal, UncertainError } from '../errors.ts'
import { hidePassword } from '../text/hide-password.ts'
import { readJson } from '../text/json.ts'
import { plainText } from '../text/plain-text.ts'
import { isLoopback } from './proxy.ts'
import type { ApiAnswer, NoAnswerError } from './transport.ts'

/** Handles answers of 429: the request may have been carried out anyway. */
interface TurnedAway {
  /** Called at once for every such answer: an interrupt may end the wait for the next attempt. */
  note(): void
  /** Tells whether it was carried out; called before the next attempt. */
  wasDone(): Promise<boolean>
}

/** A call of an API. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query, after the API's URL. */
  path: string
  /** What the call does, for errors: "creating a machine". */
  doing: string
  body?: unknown
  /** Besides the dialect's, such as a retry token. */
  headers?: Record<string, string>
  /** Whether a POST or PATCH may be repeated, because a token in it keeps it from being carried out twice. */
  isRepeatable?: boolean
  signal?: AbortSignal | undefined
  /** Once aborted, the request under way continues, and no retry starts. */
  lastTry?: AbortSignal | undefined
  /** What to do about an answer of 429. */
  turnedAway?: TurnedAway | undefined
  /** How long the answer may take to begin, if longer than usual. */
  answerTimeoutMs?: number | undefined
  /** True for an answer that is not JSON. */
  isText?: boolean
}

/** One attempt of a call, for its authentication. */
export interface Attempt {
  method: Call['method']
  url: URL
  body: string | undefined
}

/** How one API differs from others, and where its URL and the token came from: a flag, a variable, a key of a file. */
export interface Dialect {
  /** What error lines begin with: `metal`. */
  layer: string
  /** With its article, as errors name the kind of API: `a Metal API`. */
  title: string
  /** Without a trailing slash, such as https://api.equinix.com/metal/v1. */
  apiUrl: string
  apiUrlFrom?: string | undefined
  tokenFrom?: string | undefined
  /** The headers that authenticate an attempt; made anew for each, since a signature may cover the time. */
  headersFor(attempt: Attempt): Record<string, string> | Promise<Record<string, string>>
  /** The words of an error in the API's format; undefined if a body does not have that format. */
  readRefusal(text: string): string | undefined
  /** The code of an error in the API's format, which programs can act on. */
  readCode?(text: string): string | undefined
  /** The header with the API's name for a request, in lower case. */
  requestIdHeader: string
  /** Of a body with content; `application/json` if undefined. */
  contentType?: string
  /** Advice about a refusal in the API's format. */
  hintFor?(call: Call, answer: ApiAnswer): string | undefined
  /** Whether a refusal passes, so that asking again can help; undefined leaves that to its status. */
  isTransient?(answer: ApiAnswer): boolean | undefined
  /** Advice if the API does not answer; otherwise to check its URL and the network. */
  hintIfSilent?: string | undefined
  /** Advice after a 401; otherwise to replace the token. */
  hintIfDenied?: string | undefined
  /** Sees each answer. */
  noteAnswer?(answer: ApiAnswer): void
}

/** `"http://127.0.0.1:7070/metal/v1" (from METAL_API_URL)`. */
export function nameApi({ apiUrl, apiUrlFrom }: Pick<Dialect, 'apiUrl' | 'apiUrlFrom'>): string {
  return `"${hidePassword(apiUrl)}"${apiUrlFrom === undefined ? '' : ` (from ${apiUrlFrom})`}`
}

/** Whether a body is complete JSON; an empty body counts as complete. */
export function isWholeJson(text: string): boolean {
  return text === '' || readJson(text) !== undefined
}

/** The time of an answer's Date header, in ms since 1970 (RFC 9110, section 6.6.1); undefined if it is missing or malformed. */
export function timeOf({ headers }: ApiAnswer): number | undefined {
  const timeMs = Date.parse(headers['date'] ?? '')
  return Number.isNaN(timeMs) ? undefined : timeMs
}

function contentTypeOf(answer: ApiAnswer): string {
  return JSON.stringify(answer.headers['content-type'] ?? 'no content type')
}

/** The text of an API error, on one line; undefined if it does not have the API's form. */
function readWords(answer: ApiAnswer, dialect: Dialect): string | undefined {
  const words = dialect.readRefusal(answer.text)
  return words === undefined ? undefined : plainText(words).slice(0, 500)
}

function wordsOf(answer: ApiAnswer, dialect: Dialect): string {
  const clean = readWords(answer, dialect)
  return clean ? ` "${clean}"` : ` (${contentTypeOf(answer)}, not an error in the API's format)`
}

function requestIdOf(answer: ApiAnswer, { requestIdHeader }: Dialect): string {
  const id = answer.headers[requestIdHeader]
  return id !== undefined && /^[\w.:/-]{1,120}$/.test(id) ? ` [request ${id}]` : ''
}

/** The data of a 2xx answer. @throws UncertainError (after a POST) or ApiError if it does not fit the schema */
export function readAnswer<S extends z.ZodMiniType>(
  call: Call,
  answer: ApiAnswer,
  schema: S,
  dialect: Dialect,
): z.infer<S> {
  const unreadable = (why: string) => {
    const message = `${call.doing}: the answer (${answer.status}) ${why}${requestIdOf(answer, dialect)}`
    const hint = `check that ${nameApi(dialect)} is ${dialect.title}`
    const options = { layer: dialect.layer, status: answer.status, hint }
    return call.method === 'POST' ? new UncertainError(message, options) : new ApiError(message, options)
  }
  const json = readJson(answer.text)
  if (json === undefined)
    throw unreadable(`is not complete JSON (${contentTypeOf(answer)}, ${answer.text.length} characters)`)
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw unreadable(`has no valid "${parsed.error.issues[0]?.path.join('.') ?? ''}"`)
}

/** The error for a call that was never answered. */
export function noAnswer(call: Call, lost: NoAnswerError, dialect: Dialect): ApiError {
  const message = `${call.doing}: ${lost.message} (${new URL(dialect.apiUrl).host})`
  const hint = lost.untrusted
    ? 'if the certificate belongs to your own proxy or API, set NODE_EXTRA_CA_CERTS to its CA certificate'
    : (dialect.hintIfSilent ?? `check ${nameApi(dialect)} and the network`)
  const options = { layer: dialect.layer, hint, cause: lost }
  return call.method === 'POST' && !lost.neverSent
    ? new UncertainError(message, options)
    : new ApiError(message, options)
}

/** Statuses below 500 after which a POST may have been carried out: a proxy gave up, or an earlier try created the object. */
const uncertainStatuses = new Set([408, 409, 425, 499])

/** The error for an answer that is not 2xx. */
export function apiRefusal(call: Call, answer: ApiAnswer, dialect: Dialect): ApiError | AuthenticationError {
  const { layer } = dialect
  const { status } = answer
  const message = `${call.doing}: the API answered ${status}${wordsOf(answer, dialect)}${requestIdOf(answer, dialect)}`
  if (status === 401) return new AuthenticationError(message, { layer, hint: hintForToken(dialect) })
  const hint = hintFor(call, answer, dialect)
  const options = {
    layer,
    status,
    refusalCode: dialect.readCode?.(answer.text),
    ...(hint === undefined ? {} : { hint }),
  }
  const isTransient = dialect.isTransient?.(answer)
  if (isTransient === false) return new FinalRefusal(message, options)
  // A conflict that the API's own code calls passing is a refusal.
  const isConflict = uncertainStatuses.has(status) && isTransient === undefined
  const isUncertain = call.method === 'POST' && (status < 400 || status >= 500 || isConflict)
  return isUncertain ? new UncertainError(message, options) : new ApiError(message, options)
}

/** Names the source of the refused token. */
function hintForToken({ apiUrl, tokenFrom, hintIfDenied }: Dialect): string {
  const renew = isLoopback(new URL(apiUrl))
    ? '; for a lab, run again: eval "$(metalkit lab env)" (with --name for a named lab)'
    : ''
  return `${hintIfDenied ?? `${tokenFrom ?? '--api-key'} is wrong or has expired; replace it`}${renew}`
}

/** Advice for statuses that say little; other answers carry the API's own text. */
function hintFor(call: Call, answer: ApiAnswer, dialect: Dialect): string | undefined {
  const isVague = answer.status === 403 || answer.status === 404
  if (isVague && readWords(answer, dialect) === undefined)
    return `check the API URL ${nameApi(dialect)}: the answer is not from ${dialect.title}`
  return dialect.hintFor?.(call, answer)
}
