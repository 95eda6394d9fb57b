// The parts of a URL, as Node's HTTP client takes them.
import { isIP } from 'node:net'

/** A server, as connections are made to it. */
export interface Place {
  /** A name, or an address without brackets. */
  host: string
  port: number
  /** The name for TLS; '' for an address. */
  servername: string
}

/** The port of a URL without one. */
export function defaultPortOf(protocol: string): number {
  return protocol === 'https:' ? 443 : 80
}

/** The server of a URL; its name for TLS is '' for an address. */
export function placeOf({ protocol, hostname, port }: URL): Place & { protocol: string } {
  const host = hostname.replaceAll(/^\[|\]$/g, '')
  const servername = isIP(host) === 0 ? host : ''
  return { protocol, host, servername, port: port === '' ? defaultPortOf(protocol) : Number(port) }
}

/** A part of a URL without its escapes; as it stands if a % begins none. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The headers with the name and password of a URL; none if it has no name. */
export function basicLogin({ username, password }: URL): { authorization?: string } {
  if (username === '') return {}
  const login = `${decodePart(username)}:${decodePart(password)}`
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
}
