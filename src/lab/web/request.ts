// Requests in the form that handlers get.
import type { IncomingMessage } from 'node:http'
import { plainAddress } from '../../address.ts'
import type { Plight } from '../cloud/device-state.ts'

/** A request with decoded path and query, and the complete body. */
export interface ApiRequest {
  method: string
  /** Path and query as they were sent. */
  target: string
  /** Decoded, with single slashes and no trailing slash. */
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: Buffer
  /** The address of the client. */
  peer: string
  /** Whether it came over TLS. */
  isSecure: boolean
  /** The one project that the request's token opens; undefined for a token of the user. */
  projectId?: string
  /** What becomes of the machine that it creates or installs; only faults set it. */
  plight?: Plight
}

/** Whether it is a request of a machine or its BMC, which has no token, and fetches over plain HTTP. */
export function isForMachines({ path }: Pick<ApiRequest, 'path'>): boolean {
  return ['/boot/', '/ipxe/', '/media/'].some((folder) => path.startsWith(folder))
}

/** Answers a request. A layer around a handler (authentication, a fault) is a function from one handler to another. */
export type Handler<A> = (request: ApiRequest) => A | Promise<A>

/** The longest body that is read; a longer one is answered with 413. */
export const maxBodyBytes = 1024 * 1024

/** The answer to a request whose path cannot be decoded, or whose body is longer than the limit. */
export type UnreadableBody = { status: 400 | 413; error: string }

/** Whether a request came over TLS; only TLS's sockets have that property, and a lab without TLS does not load Node's. */
export function isSecure({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket
}

/** Reads a request. Rejects if the client disconnects before the end. */
export async function readRequest(message: IncomingMessage): Promise<ApiRequest | UnreadableBody> {
  const target = message.url ?? '/'
  let url: URL
  let path: string
  try {
    // A path may begin with two slashes, which must not make its first part a host name.
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
    if (length > maxBodyBytes) return { status: 413, error: 'Request entity too large' }
    chunks.push(chunk)
  }
  return {
    method: message.method ?? 'GET',
    target,
    path: path.length > 1 ? path.replace(/\/+$/, '') : path,
    query: url.searchParams,
    headers: message.headers,
    body: Buffer.concat(chunks),
    peer: plainAddress(message.socket.remoteAddress),
    isSecure: isSecure(message),
  }
}

/** Parses a body as JSON; an empty body is an empty object. Undefined if it is not JSON. */
export function parseJson(body: Buffer): { value: unknown } | undefined {
  if (body.length === 0) return { value: {} }
  try {
    return { value: JSON.parse(body.toString('utf8')) }
  } catch {
    return undefined
  }
}
