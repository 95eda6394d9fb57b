// A host and a port, and their notation: read and written.

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

/** Reads `host`, `host:port`, `[v6]` or `[v6]:port`; the port may be out of range. @returns undefined for other text */
export function readAddress(text: string, defaultPort: number): Address | undefined {
  const [all, v6, name, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/[\]]+))(?::(\d+))?$/.exec(text) ?? []
  if (all === undefined) return undefined
  return { host: v6 ?? name ?? '', port: port === undefined ? defaultPort : Number(port) }
}

/** Reads where to listen: `port`, `:port`, `host:port` or `[v6]:port`, as for Go's servers; otherwise as `readAddress` does. */
export function readListenAddress(text: string): Address | undefined {
  const [all, v6, name, port] = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/[\]]*)):)?(\d+)$/.exec(text) ?? []
  return all === undefined ? undefined : { host: v6 ?? name ?? '', port: Number(port) }
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
