// A request as handlers see it.
import type { IncomingMessage } from 'node:http'

/** Method, path and query decoded; the body whole. */
export interface ApiRequest {
  method: string
  /** Decoded, with single slashes and none at the end. */
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: Buffer
}

/** Answers a request. A layer around it (authentication, a fault) is a function from one handler to another. */
export type Handler<A> = (request: ApiRequest) => A | Promise<A>

/** Longest body that is read; longer ones are answered 413. */
export const bodyLimitBytes = 1024 * 1024

/** A request whose path cannot be read, or whose body is longer than the limit, is answered with this status. */
export type Unreadable = { status: 400 | 413; error: string }

/** Reads a request. Rejects where the client goes away before its end. */
export async function readRequest(message: IncomingMessage): Promise<ApiRequest | Unreadable> {
  const target = message.url ?? '/'
  let url: URL
  let path: string
  try {
    // A path that begins with two slashes is no host name.
    url = target.startsWith('/') ? new URL(`http://lab${target}`) : new URL(target, 'http://lab')
    path = decodeURIComponent(url.pathname).replaceAll(/\/{2,}/g, '/')
  } catch {
    return { status: 400, error: 'Bad request' }
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue
    length += chunk.length
    if (length > bodyLimitBytes) return { status: 413, error: 'Request entity too large' }
    chunks.push(chunk)
  }
  return {
    method: message.method ?? 'GET',
    path: path.length > 1 ? path.replace(/\/+$/, '') : path,
    query: url.searchParams,
    headers: message.headers,
    body: Buffer.concat(chunks),
  }
}

/** The JSON of a body; an empty body is an empty object. undefined where it is not JSON. */
export function parseJson(body: Buffer): { value: unknown } | undefined {
  if (body.length === 0) return { value: {} }
  try {
    return { value: JSON.parse(body.toString('utf8')) }
  } catch {
    return undefined
  }
}
