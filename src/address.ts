// A host and a port, and their notation.

/** To listen on, host '' is every interface and port 0 any free port. */
export interface Address {
  host: string
  port: number
}

/** A host as it stands before a port: an IPv6 address in brackets. */
export function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** `192.0.2.7:80`, `[2001:db8::7]:80`. */
export function formatAddress({ host, port }: Address): string {
  return `${formatHost(host)}:${port}`
}
