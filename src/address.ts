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

/** A port number from 1 to 65535; undefined for other text. */
export function toPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? port : undefined
}

/** Whether only programs of this computer can reach a host. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host)
}

/** The address of a client; a server for both IP versions sees IPv4 clients as `::ffff:192.0.2.7`. */
export function plainAddress(client: string | undefined): string {
  return (client ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}
