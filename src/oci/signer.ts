// Signs a request to Oracle Cloud: draft-cavage-http-signatures-08 with RSA-SHA256, as oracle/oci-go-sdk does
// (common/http_signer.go at 7ce2eb7c).
import { createHash, type KeyObject, sign } from 'node:crypto'

/** Who signs: the private key, and its name for Oracle Cloud. */
export interface Signatory {
  /** `<tenancy>/<user>/<fingerprint>`, or `ST$<token>`; a session token is a secret. */
  keyId: string
  key: KeyObject
}

/** What is signed. */
export interface SignedRequest {
  method: string
  url: URL
  /** Undefined for none. */
  body: string | undefined
  /** As in an HTTP header: `Fri, 27 Nov 2026 23:23:00 GMT`. */
  date: string
}

const contentType = 'application/json'
const methodsWithBody = ['POST', 'PUT', 'PATCH']

/** The headers that authenticate a request; `host` is the URL's, which the HTTP client sends itself. */
export function signRequest(
  { method, url, body = '', date }: SignedRequest,
  { keyId, key }: Signatory,
): Record<string, string> {
  const ofBody: Record<string, string> = {
    ...(methodsWithBody.includes(method) && {
      'content-length': String(Buffer.byteLength(body)),
      'content-type': contentType,
      'x-content-sha256': createHash('sha256').update(body).digest('base64'),
    }),
  }
  const lines: Record<string, string> = {
    date,
    '(request-target)': `${method.toLowerCase()} ${url.pathname}${url.search}`,
    host: url.host,
    ...ofBody,
  }
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}`)
  const signature = sign('sha256', Buffer.from(text.join('\n')), key).toString('base64')
  const names = Object.keys(lines).join(' ')
  return {
    date,
    ...ofBody,
    authorization: `Signature version="1",headers="${names}",keyId="${keyId}",algorithm="rsa-sha256",signature="${signature}"`,
  }
}
