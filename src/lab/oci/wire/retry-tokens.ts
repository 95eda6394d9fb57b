// `opc-retry-token`: a request that is sent again with the same token is not carried out again.
import { createHash } from 'node:crypto'
import type { LabAnswer } from '../../web/answer.ts'
import type { RoutedRequest } from '../../web/router.ts'
import { refuse } from './refusal.ts'

/** How long a token is remembered. */
const rememberedMs = 24 * 3_600_000

/** The token of a request, and a digest of its body. */
export interface Retry {
  token: string
  digest: string
}

/** The answer to a token that belongs to another request. */
export const invalidatedToken = refuse(
  'InvalidatedRetryToken',
  'The retry token was used in an earlier request with another body, or a later operation has invalidated it.',
)

/** Reads the token of a request: undefined without one, or the refusal of one that is too long. */
export function readRetry({ headers, body }: Pick<RoutedRequest, 'headers' | 'body'>): Retry | LabAnswer | undefined {
  const token = headers['opc-retry-token']
  if (token === undefined) return undefined
  if (typeof token !== 'string' || token.length < 1 || token.length > 64) {
    return refuse('InvalidParameter', 'opc-retry-token must have 1 to 64 characters')
  }
  return { token, digest: createHash('sha256').update(body).digest('hex') }
}

/** The tokens of one kind of request. */
export class RetryTokens<Result> {
  readonly #uses = new Map<string, Retry & { result: Result; atMs: number }>()

  /** Answers a request with the result of its first attempt, or carries it out. */
  once(
    request: Pick<RoutedRequest, 'headers' | 'body'>,
    parts: { again: (result: Result) => LabAnswer; first: (remember: (result: Result) => void) => LabAnswer },
  ): LabAnswer {
    const retry = readRetry(request)
    if (retry !== undefined && 'status' in retry) return retry
    const use = retry === undefined ? undefined : this.#uses.get(retry.token)
    if (retry === undefined || use === undefined || Date.now() - use.atMs > rememberedMs) {
      return parts.first((result) => {
        if (retry !== undefined) this.#uses.set(retry.token, { ...retry, result, atMs: Date.now() })
      })
    }
    return use.digest === retry.digest ? parts.again(use.result) : invalidatedToken
  }
}
