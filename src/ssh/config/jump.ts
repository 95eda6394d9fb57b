// Host names in ssh_config: HostName with its token, and the hops of ProxyJump.
import { ConsoleError } from '../../errors.ts'
import { type ConfigPlace, refuseLine } from './place.ts'
import { readPort } from './read-line.ts'

/** A host to go through; absent fields come from its own configuration. */
export interface Hop {
  user: string | undefined
  host: string
  port: number | undefined
}

/** HostName supports %h, the given name, and %%. */
export function expandHostName(name: string, host: string, place: ConfigPlace | undefined): string {
  return name.replaceAll(/%(.?)/gs, (whole, token: string) => {
    if (token === '%') return '%'
    if (token === 'h') return host
    const why = `HostName "${name}" has the unknown token "${whole}"`
    if (place === undefined) throw new ConsoleError(`ssh's configuration: ${why}`, {})
    return refuseLine(place, why)
  })
}

/** Whether ssh accepts a host in a URL: a name or an IPv4 address, but no IPv6 address. */
const isDomain = (host: string) => /^[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*$/i.test(host)

/** `[user@]host[:port]`, also as a URL `ssh://…`; undefined if it is neither. */
export function parseHop(text: string): Hop | undefined {
  const url = /^ssh:\/\/(?:([^@;]+)(?:;[^@]*)?@)?([^@/]+)\/?$/.exec(text)
  if (url === null && text.startsWith('ssh://')) return undefined
  const at = text.lastIndexOf('@')
  const user = url === null ? (at < 0 ? undefined : text.slice(0, at)) : url[1]
  const address = url === null ? text.slice(at + 1) : (url[2] ?? '')
  const match = /^(?:\[([^\]]+)\]|([^:[\]/]+))(?:[:/](.*))?$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = match?.[3] ? readPort(match[3]) : undefined
  if (host === undefined || user === '' || (match?.[3] && port === undefined)) return undefined
  if (url === null) return { user, host, port }
  return isDomain(host) ? { user, host: host.replace(/\.$/, ''), port } : undefined
}

/** Whether a value is the word `none`. */
export const isNone = (text: string): boolean => text.toLowerCase() === 'none'

/** The hops of a ProxyJump, the first one first; empty for `none`, which no comment may follow. */
export function splitJump(text: string): string[] {
  return isNone(text) ? [] : text.replace(/#.*$/s, '').trimEnd().split(',')
}

/** Refuses a ProxyJump with an invalid hop. */
export function checkJump(text: string, place: ConfigPlace): void {
  for (const hop of splitJump(text)) {
    if (parseHop(hop) === undefined) {
      refuseLine(place, `invalid ProxyJump "${text}"`, 'write each hop as [user@]host[:port], with commas between them')
    }
  }
}
