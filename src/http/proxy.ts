// The proxy for a request: from the environment, but never for this computer itself.
import { isLoopbackHost } from '../address.ts'
import { UsageError } from '../errors.ts'
import { placeOf } from './url-parts.ts'

/** True if a URL leads to this computer. */
export function isLoopback({ hostname }: URL): boolean {
  return isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/** Chooses the proxy for a URL; undefined if the server is asked directly. */
export type FindProxy = (url: URL) => URL | undefined

/**
 * Whether an entry of NO_PROXY is for a host: `example.com`, `.example.com` and `*.example.com` are for that host and all below it,
 * with `:port` for this port only, and `*` for all.
 */
function isFor(entry: string, host: string, port: number): boolean {
  const [, name = entry, onlyPort] = /^(.+):(\d+)$/.exec(entry) ?? []
  if (onlyPort !== undefined && Number(onlyPort) !== port) return false
  const domain = name.replace(/^\*?\./, '').toLowerCase()
  return domain === '*' || host === domain || host.endsWith(`.${domain}`)
}

/**
 * Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, lower case first; '' means none. HTTP_PROXY is for https too if HTTPS_PROXY is
 * not set.
 * @throws UsageError for a proxy that is not an http or https URL; it is not quoted, since it may hold a password
 */
export function readProxies(env: Record<string, string | undefined>): FindProxy {
  const read = (name: string) => env[name.toLowerCase()] ?? env[name] ?? ''
  const readUrl = (name: string) => {
    const url = read(name)
    if (url === '') return undefined
    if (/^https?:\/\//i.test(url) && URL.canParse(url)) return new URL(url)
    throw new UsageError(`${name} is not an http or https URL`, { hint: 'write it as http://host:port, or unset it' })
  }
  const http = readUrl('HTTP_PROXY')
  const https = readUrl('HTTPS_PROXY') ?? http
  const exceptions = read('NO_PROXY')
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
  return (url) => {
    const { port } = placeOf(url)
    const isDirect = isLoopback(url) || exceptions.some((entry) => isFor(entry, url.hostname, port))
    return isDirect ? undefined : url.protocol === 'https:' ? https : http
  }
}
