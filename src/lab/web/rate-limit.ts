// Limits the number of requests that a client may make, and reports the limit in headers.
import { type LabAnswer, refuse } from './answer.ts'
import type { Handler } from './request.ts'

/** The number of requests allowed in each window of time. */
export interface RateLimit {
  requests: number
  windowMs: number
}

/** More than any client needs. The real service's limit is not known. */
export const generousLimit: RateLimit = { requests: 30_000, windowMs: 60_000 }

/** A layer that counts requests, reports how many are left, and answers 429 once none are left (its text is inferred). */
export function limitRate(limit: RateLimit, next: Handler<LabAnswer>): Handler<LabAnswer> {
  let endMs = 0
  let left = 0
  return async (request) => {
    const nowMs = Date.now()
    if (nowMs >= endMs) {
      endMs = nowMs + limit.windowMs
      left = limit.requests
    }
    const isOver = left === 0
    left = Math.max(0, left - 1)
    const headers = {
      'x-ratelimit-limit': String(limit.requests),
      'x-ratelimit-remaining': String(left),
      'x-ratelimit-reset': String(Math.ceil(endMs / 1000)),
    }
    if (isOver) {
      const retryAfter = String(Math.ceil((endMs - nowMs) / 1000))
      return refuse(429, 'Too many requests', { ...headers, 'retry-after': retryAfter })
    }
    const answer = await next(request)
    return { ...answer, headers: { ...headers, ...answer.headers } }
  }
}
