// The Metal API's dialect: its authentication, its errors and the advice about them.
import { ApiError } from '../errors.ts'
import { type Call, type Dialect, nameApi } from '../http/answer.ts'
import { readJson } from '../text/json.ts'
import { errorSchema } from './schema.ts'

/** The API that is called, and where its URL and the token came from. */
export interface Origin {
  /** Without a trailing slash, such as https://api.equinix.com/metal/v1. */
  apiUrl: string
  apiUrlFrom?: string | undefined
  tokenFrom?: string | undefined
}

/** The closed cloud's API; still the default, as upstream. */
const closedApi = 'https://api.equinix.com/'

/** True for an answer that says a device does not exist: 404, or 403 for a device that the API has taken back. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 403 || error.status === 404)
}

/** How the Metal API differs from others. */
export function metalDialect(origin: Origin, token: string): Dialect {
  const isClosed = origin.apiUrl.startsWith(closedApi)
  return {
    ...origin,
    layer: 'metal',
    title: 'a Metal API',
    headersFor: () => ({ 'x-auth-token': token }),
    readRefusal(text) {
      const refusal = errorSchema.safeParse(readJson(text)).data
      return refusal?.errors?.join('; ') ?? refusal?.error
    },
    requestIdHeader: 'x-request-id',
    hintFor: (call, { status }) => (status === 403 || status === 404 ? hintIfMissing(call, origin) : undefined),
    hintIfSilent: isClosed
      ? 'that service closed on 2026-06-30: name another with --api-url, or start with metalkit lab'
      : undefined,
  }
}

/** Advice for a refusal that says little. */
function hintIfMissing({ path }: Call, origin: Origin): string | undefined {
  const api = `the API URL ${nameApi(origin)}`
  // Other servers use the same text for an unknown path.
  const isUsualPath = new URL(origin.apiUrl).pathname === '/metal/v1'
  if (path.startsWith('/devices/')) {
    const known = 'metalkit ls lists the machines that metalkit created'
    return isUsualPath ? known : `check ${api}; ${known}`
  }
  if (!path.startsWith('/projects/')) return isUsualPath ? undefined : `check ${api}`
  const project = '--project-id and that the token has access to it'
  if (!isUsualPath) return `check ${api}, which usually ends in /metal/v1, or ${project}`
  return origin.apiUrl.startsWith(closedApi) ? `check ${project}` : `check ${project}, and ${api}`
}
