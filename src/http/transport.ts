// One HTTP request to an API and its complete response. Certificates are always checked; proxies come from the environment.
import { Readable } from 'node:stream'
import { Agent, type Dispatcher, EnvHttpProxyAgent, errors } from 'undici'
import type { Clock } from '../clock.ts'
import { heed } from '../deadline.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import type { Reporter } from '../io.ts'
import { isLoopback, readProxies } from './proxy.ts'

/** A complete response. */
export interface ApiAnswer {
  status: number
  headers: Record<string, string | undefined>
  text: string
}

/** Why there was no complete response. */
export class NoAnswerError extends Error {
  /** No connection was made: the API has not seen the request. */
  readonly neverSent: boolean
  /** The certificate is not trusted, so a retry is pointless. */
  readonly untrusted: boolean

  constructor(reason: string, cause: unknown) {
    super(reason, { cause })
    const code = errorCode(cause) ?? ''
    this.untrusted = isCertificateCode(code)
    this.neverSent = this.untrusted || unsentCodes.has(code) || cause instanceof RefusedByProxyError
  }
}

const connectTimeoutMs = 10_000
const headersTimeoutMs = 60_000
const bodyTimeoutMs = 30_000
/** How long a whole response may take: one that trickles in never falls silent. */
export const wholeAnswerMs = 60_000
/** The longest response that is read; a project's thousand machines are under 4 MB. */
const maxAnswerBytes = 8 * 2 ** 20

/** Connections to one API, through the proxies in the environment. @throws UsageError for a proxy that is not a URL */
export function createDispatcher(apiUrl: string, env: Record<string, string | undefined>, clock: Clock): Dispatcher {
  const timeouts = {
    connect: { timeout: clock.toRealMs(connectTimeoutMs) },
    headersTimeout: clock.toRealMs(headersTimeoutMs),
    bodyTimeout: clock.toRealMs(bodyTimeoutMs),
  }
  return isLoopback(new URL(apiUrl)) ? new Agent(timeouts) : new EnvHttpProxyAgent({ ...timeouts, ...readProxies(env) })
}

const unsentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

const reasons: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
  ECONNRESET: 'the connection was closed before the answer was complete',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
}

/** The proxy refused to connect to the API. */
class RefusedByProxyError extends Error {}

/** The answer is longer, or takes longer, than any answer should. Its message is shown. */
class EndlessAnswerError extends Error {}

async function readText(body: AsyncIterable<Buffer> & { destroy(): unknown }, patienceMs: number): Promise<string> {
  const chunks: Buffer[] = []
  const endMs = performance.now() + patienceMs
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new EndlessAnswerError(`the answer is longer than ${maxAnswerBytes / 2 ** 20} MB`)
    if (performance.now() > endMs) throw new EndlessAnswerError('the answer takes too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** OpenSSL's and Node's names for certificate errors. */
function isCertificateCode(code: string): boolean {
  return /CERT|^UNABLE_TO_VERIFY/.test(code)
}

/** Says why there was no response; an error's own text is never shown, since it could quote the request. */
function reasonOf(error: unknown): string {
  if (error instanceof RefusedByProxyError) return 'the proxy from the environment refused to connect'
  if (error instanceof EndlessAnswerError) return error.message
  if (error instanceof errors.ConnectTimeoutError) return 'the connection timed out'
  if (error instanceof errors.HeadersTimeoutError) return 'no answer came in time'
  if (error instanceof errors.BodyTimeoutError) return 'the answer stopped midway'
  const code = errorCode(error) ?? ''
  if (isCertificateCode(code)) return `the certificate is not trusted (${code})`
  return reasons[code] ?? (code === '' ? 'the request failed' : `the request failed (${describeCondition(error)})`)
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/**
 * Sends a request with undici, and rejects as soon as the signal aborts. undici itself would first wait for the connection or its
 * name look-up, and then send nothing. @throws signal.reason
 */
export async function requestNow(
  dispatcher: Dispatcher,
  options: Dispatcher.RequestOptions & { signal?: AbortSignal },
): Promise<Dispatcher.ResponseData> {
  const sending = dispatcher.request(options)
  return await (options.signal === undefined ? sending : heed(sending, options.signal))
}

/** Closes all connections. undici's own promise would wait for pending ones. */
export function dropConnections(dispatcher: Dispatcher): void {
  dispatcher.destroy().catch(() => {})
}

/** A request to send. */
export interface Outgoing {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  headers: Record<string, string>
  body?: string | Buffer | undefined
  signal?: AbortSignal | undefined
  /** How long the response may take to begin; the dispatcher's time-out if undefined. */
  answerTimeoutMs?: number | undefined
  /** How long it may take once it has begun; `wholeAnswerMs` if undefined. */
  patienceMs?: number | undefined
}

const pieceBytes = 2 ** 16

/** The body in pieces; each piece restarts the wait for the response: a large body may take long on a slow line, silence may not. */
function* split(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes)
}

function bodyOf({ body, headers }: Outgoing): { headers: Record<string, string>; body: string | Readable | null } {
  if (body === undefined || typeof body === 'string') return { headers, body: body ?? null }
  return { headers: { ...headers, 'content-length': String(body.length) }, body: Readable.from(split(body)) }
}

/**
 * Sends a request, reads the response, and reports the exchange with -vv.
 * @returns the response, or why it is missing or incomplete
 * @throws signal.reason when aborted
 */
export async function send(
  dispatcher: Dispatcher,
  url: string,
  outgoing: Outgoing,
  report: Pick<Reporter, 'debug'>,
): Promise<ApiAnswer | NoAnswerError> {
  const { method, signal, answerTimeoutMs, patienceMs = wholeAnswerMs } = outgoing
  const { origin, host, pathname, search } = new URL(url)
  const startedMs = performance.now()
  const log = (outcome: string) => {
    report.debug(`${method} ${host}${pathname}${search} ${outcome} ${Math.round(performance.now() - startedMs)} ms`)
  }
  try {
    const sending = requestNow(dispatcher, {
      origin,
      path: pathname + search,
      method,
      ...bodyOf(outgoing),
      ...(signal === undefined ? {} : { signal }),
      ...(answerTimeoutMs === undefined ? {} : { headersTimeout: answerTimeoutMs }),
    })
    const { statusCode, headers, body } = await sending.catch((error: unknown) => {
      // Apart from the signal, only undici's proxy agent aborts a request that has no answer yet: when the proxy refuses
      // the tunnel.
      const isProxy = error instanceof errors.RequestAbortedError
      throw isProxy ? new RefusedByProxyError(error.message, { cause: error }) : error
    })
    const answer = {
      status: statusCode,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, firstOf(value)])),
      text: await readText(body, patienceMs),
    }
    log(String(statusCode))
    return answer
  } catch (error) {
    signal?.throwIfAborted()
    const lost = new NoAnswerError(reasonOf(error), error)
    log(lost.message)
    return lost
  }
}
