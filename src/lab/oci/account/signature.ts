// Checks the signature of a request: draft-cavage-http-signatures-08 with the rules of Oracle's documentation ("Request
// Signatures"): which headers are signed, the body's digest, and a date within five minutes.
import { createHash, createPublicKey, type JsonWebKeyInput, type KeyObject, verify } from 'node:crypto'
import { z } from 'zod/mini'
import { readJson } from '../../../text/json.ts'
import type { ApiRequest } from '../../web/request.ts'
import type { Account } from './account.ts'

/** How far a request's date may be from the service's time. */
export const allowedSkewMs = 5 * 60_000

const always = ['(request-target)', 'host'] as const
const withBody = ['content-length', 'content-type', 'x-content-sha256'] as const

/** The parameters of an Authorization header; undefined if it is not a signature in the published form. */
export function parseAuthorization(header: string | undefined): ReadonlyMap<string, string> | undefined {
  const [, list] = /^Signature (.+)$/.exec(header ?? '') ?? []
  if (list === undefined) return undefined
  const parameters = new Map<string, string>()
  for (const part of list.split(/,(?=\s*[a-zA-Z]+=")/)) {
    const [, name, value] = /^\s*([a-zA-Z]+)="([^"]*)"\s*$/.exec(part) ?? []
    if (name === undefined || value === undefined || parameters.has(name)) return undefined
    parameters.set(name, value)
  }
  return parameters
}

/** The headers that a request must sign; `date` may be `x-date`. */
export function mustSign(method: string): readonly string[] {
  return ['POST', 'PUT', 'PATCH'].includes(method) ? [...always, ...withBody] : always
}

const claimsSchema = z.object({ sub: z.string(), tenant: z.string(), exp: z.number(), jwk: z.string() })

/** The public key of a session, from a token that the lab has issued; a text if the token is refused. */
function keyOfToken(token: string, account: Account, nowMs: number): KeyObject | string {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const isOurs = verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    account.publicKey,
    Buffer.from(signature, 'base64url'),
  )
  if (!isOurs) return 'the session token is unknown'
  const parsed = claimsSchema.safeParse(readJson(Buffer.from(claims, 'base64url').toString('utf8')))
  if (!parsed.success) return 'the session token is unknown'
  if (parsed.data.exp * 1000 < nowMs) return 'the session token has expired'
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab's own token
  return createPublicKey({ key: readJson(parsed.data.jwk) as JsonWebKeyInput['key'], format: 'jwk' })
}

function findKey(keyId: string, account: Account, nowMs: number): KeyObject | string {
  if (keyId.startsWith('ST$')) return keyOfToken(keyId.slice(3), account, nowMs)
  const { tenancyId, userId, fingerprint, publicKey } = account
  return keyId === `${tenancyId}/${userId}/${fingerprint}` ? publicKey : 'the keyId is unknown'
}

type SignedRequest = Pick<ApiRequest, 'method' | 'target' | 'headers' | 'body'>

/** One line of the signing string; undefined if the request has not exactly one such header. */
function lineFor(name: string, { method, target, headers }: SignedRequest): string | undefined {
  if (name === '(request-target)') return `(request-target): ${method.toLowerCase()} ${target}`
  const value = headers[name]
  return typeof value === 'string' ? `${name}: ${value}` : undefined
}

/** Why a request is not authenticated; undefined if its signature is right. The service does not say why; the lab logs it. */
export function refuseSignature(request: SignedRequest, account: Account, nowMs: number): string | undefined {
  const { method, headers, body } = request
  const parameters = parseAuthorization(headers.authorization)
  if (parameters === undefined) return 'there is no Authorization header of the form Signature version="1",...'
  const get = (name: string) => parameters.get(name) ?? ''
  if (get('version') !== '1') return `the signature's version is "${get('version')}"; it must be "1"`
  if (get('algorithm') !== 'rsa-sha256') return `the algorithm is "${get('algorithm')}"; it must be "rsa-sha256"`
  // Oracle's TypeScript SDK writes Content-Type, and signs content-type.
  const names = get('headers').toLowerCase().split(' ')
  if (new Set(names).size < names.length) return 'a header is signed twice'
  const dateName = names.find((name) => name === 'date' || name === 'x-date')
  const missing = [...(dateName === undefined ? ['date'] : []), ...mustSign(method)].filter(
    (name) => name !== dateName && !names.includes(name),
  )
  if (missing.length > 0 || dateName === undefined) return `${missing.join(', ')} must be signed`
  const lines = names.map((name) => lineFor(name, request))
  const absent = names.filter((_, index) => lines[index] === undefined)
  if (absent.length > 0) return `the signed headers ${absent.join(', ')} are missing`
  const skewMs = Math.abs(Date.parse(String(headers[dateName])) - nowMs)
  if (!(skewMs <= allowedSkewMs)) return `the ${dateName} "${String(headers[dateName])}" is more than 5 minutes away`
  if (names.includes('x-content-sha256')) {
    const digest = createHash('sha256').update(body).digest('base64')
    if (headers['x-content-sha256'] !== digest) return 'x-content-sha256 is not the digest of the body'
  }
  if (names.includes('content-length') && headers['content-length'] !== String(body.length)) {
    return 'content-length is not the length of the body'
  }
  const key = findKey(get('keyId'), account, nowMs)
  if (typeof key === 'string') return key
  const isRight = verify('sha256', Buffer.from(lines.join('\n')), key, Buffer.from(get('signature'), 'base64'))
  return isRight ? undefined : 'the signature does not fit the request'
}
