// One HTTP request to an API and its complete response. Certificates are always checked; proxies come from the environment.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import type { Reporter } from '../io.ts'
import { Connections, type Outgoing as Request } from './connections.ts'
import { TimedOutError } from './pool.ts'
import { isLoopback, readProxies } from './proxy.ts'
import { RefusedByProxyError } from './tunnel.ts'

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
    const isUnconnected = cause instanceof TimedOutError && cause.phase === 'connect'
    this.neverSent = this.untrusted || unsentCodes.has(code) || isUnconnected || cause instanceof RefusedByProxyError
  }
}

/** How long a whole response may take: one that trickles in never falls silent. */
export const wholeAnswerMs = 60_000
/** The longest response that is read; a project's thousand machines are under 4 MB. */
const maxAnswerBytes = 8 * 2 ** 20

/** Limits of the API's connections, in ms by the clock. */
const limits = { connectMs: 10_000, answerMs: 60_000, silenceMs: 30_000 }

/** Connections to one API, through the proxies in the environment. @throws UsageError for a proxy that is not a URL */
export function connectTo(apiUrl: string, env: Record<string, string | undefined>, clock: Clock): Connections {
  return new Connections({
    connectMs: clock.toRealMs(limits.connectMs),
    answerMs: clock.toRealMs(limits.answerMs),
    silenceMs: clock.toRealMs(limits.silenceMs),
    ...(!isLoopback(new URL(apiUrl)) && { findProxy: readProxies(env) }),
  })
}

const unsentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

const reasons: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the answer was complete',
}

/** The answer is longer, or takes longer, than any answer should. Its message is shown. */
class EndlessAnswerError extends Error {}

async function readText(body: IncomingMessage, patienceMs: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => body.destroy(new EndlessAnswerError('the answer takes too long')), patienceMs)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxAnswerBytes) {
        throw new EndlessAnswerError(`the answer is longer than ${maxAnswerBytes / 2 ** 20} MB`)
      }
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** OpenSSL's and Node's names for certificate errors. */
function isCertificateCode(code: string): boolean {
  return /CERT|^UNABLE_TO_VERIFY/.test(code)
}

/** Says why there was no response; an error's own text is never shown, since it could quote the request. */
function reasonOf(error: unknown): string {
  const isOurs =
    error instanceof RefusedByProxyError || error instanceof EndlessAnswerError || error instanceof TimedOutError
  if (isOurs) return error.message
  const code = errorCode(error) ?? ''
  if (isCertificateCode(code)) return `the certificate is not trusted (${code})`
  return reasons[code] ?? (code === '' ? 'the request failed' : `the request failed (${describeCondition(error)})`)
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** A request to send. */
export interface Outgoing extends Request {
  /** How long the response may take once it has begun, in ms; `wholeAnswerMs` if undefined. */
  patienceMs?: number | undefined
}

/**
 * Sends a request, reads the response, and reports the exchange with -vv.
 * @returns the response, or why it is missing or incomplete
 * @throws signal.reason when aborted
 */
export async function send(
  connections: Connections,
  url: string,
  { patienceMs = wholeAnswerMs, ...outgoing }: Outgoing,
  report: Pick<Reporter, 'debug'>,
): Promise<ApiAnswer | NoAnswerError> {
  const target = new URL(url)
  const { host, pathname, search } = target
  const startedMs = performance.now()
  const log = (outcome: string) => {
    const ms = Math.round(performance.now() - startedMs)
    report.debug(`${outgoing.method} ${host}${pathname}${search} ${outcome} ${ms} ms`)
  }
  try {
    const message = await connections.request(target, outgoing)
    const { statusCode: status = 0, headers } = message
    const answer = {
      status,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, firstOf(value)])),
      text: await readText(message, patienceMs),
    }
    log(String(status))
    return answer
  } catch (error) {
    outgoing.signal?.throwIfAborted()
    const lost = new NoAnswerError(reasonOf(error), error)
    log(lost.message)
    return lost
  }
}
