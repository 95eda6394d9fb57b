// Decides when a request to an API is retried and after how long, and reports it. Only safe requests are retried: GET, HEAD,
// PUT, DELETE, a POST with a retry token, and requests that were rejected unprocessed (429, or a connection that was never made).
import type { Reporter } from '../io.ts'

/** How a request failed: an HTTP status, or no response at all. */
export interface Failure {
  method: string
  /** True for another method whose repetition changes nothing, because a token of the caller's marks the request. */
  isRepeatable?: boolean
  /** Undefined if there was no complete response. */
  status: number | undefined
  /** Whether the API's own code says that it passes; undefined leaves that to the status. */
  isTransient?: boolean | undefined
  /** No connection was made, so the API cannot have acted. */
  neverSent: boolean
  headers: Record<string, string | undefined>
}

const maxAttempts = 6
const baseDelayMs = 500
/** The longest wait the API may request; metalkit gives up instead of waiting longer. */
const maxRequestedDelayMs = 120_000

const transient = new Set([408, 429, 500, 502, 503, 504])

/** The wait in ms from `Retry-After` (seconds or a date, RFC 9110 10.2.3) or `X-RateLimit-Reset` (unix seconds). */
export function requestedDelayMs(
  headers: Failure['headers'],
  status: number | undefined,
  nowMs: number,
): number | undefined {
  const after = headers['retry-after']?.trim()
  if (after !== undefined && /^\d+$/.test(after)) return Number(after) * 1000
  const date = after === undefined ? Number.NaN : Date.parse(after)
  if (!Number.isNaN(date)) return Math.max(0, date - nowMs)
  const reset = headers['x-ratelimit-reset']?.trim()
  if (status === 429 && reset !== undefined && /^\d+$/.test(reset)) return Math.max(0, Number(reset) * 1000 - nowMs)
  return undefined
}

/**
 * Decides on the next attempt: exponential backoff with full jitter, never sooner than the API requests.
 * @param attempt the attempt that failed, from 1
 * @param random between 0 and 1
 * @returns the delay in ms, or undefined to give up
 */
export function decideRetry(failure: Failure, attempt: number, nowMs: number, random: number): number | undefined {
  const { method, isRepeatable = ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method) } = failure
  const safe = isRepeatable || failure.status === 429 || failure.neverSent
  const worth = failure.isTransient ?? (failure.status === undefined || transient.has(failure.status))
  if (!safe || !worth || attempt >= maxAttempts) return undefined
  const backoffMs = random * baseDelayMs * 2 ** (attempt - 1)
  const requestedMs = requestedDelayMs(failure.headers, failure.status, nowMs)
  if (requestedMs === undefined) return backoffMs
  return requestedMs > maxRequestedDelayMs ? undefined : requestedMs + Math.min(backoffMs, 1000)
}

/** Reports that a request is sent again; the first retry only as a detail. `what` describes the failure. */
export function reportRetry(
  report: Pick<Reporter, 'detail' | 'info'>,
  what: string,
  attempt: number,
  delayMs: number,
): void {
  const when = delayMs < 50 ? 'at once' : `in ${(delayMs / 1000).toFixed(1)} s`
  report[attempt === 1 ? 'detail' : 'info'](`${what}; trying again ${when} (attempt ${attempt + 1})`)
}
