// Keeps other web pages out: the server answers only to this computer's own names, refuses connections of other pages' scripts, and
// shows nothing without the token.
import { isIP } from 'node:net'

/**
 * Whether a Host header names an address or localhost. Anyone could make another name point here (DNS rebinding). Behind a
 * tunnel the port differs.
 */
export function isOwnHost(host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(`http://${host}/`)) return false
  const { hostname, pathname } = new URL(`http://${host}/`)
  return pathname === '/' && (hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0)
}

/** Whether a connection comes from the lab's own page, according to the Origin header that browsers send. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined, isSecure: boolean): boolean {
  return isOwnHost(host) && origin === `${isSecure ? 'https' : 'http'}://${host}`
}

/** Headers of the page and its parts. xterm.js writes its colours into style elements. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
