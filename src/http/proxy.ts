// The proxy for a request: from the environment, but never for this computer itself.
import { isLoopbackHost } from '../address.ts'
import { UsageError } from '../errors.ts'

/** True if a URL leads to this computer. */
export function isLoopback({ hostname }: URL): boolean {
  return isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/**
 * `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, lower case first, in the form undici takes; '' means none.
 * @throws UsageError for a proxy that is not an http or https URL; it is not quoted, since it may hold a password
 */
export function readProxies(env: Record<string, string | undefined>) {
  const read = (name: string) => env[name.toLowerCase()] ?? env[name] ?? ''
  const readUrl = (name: string) => {
    const url = read(name)
    if (url === '' || (/^https?:\/\//i.test(url) && URL.canParse(url))) return url
    throw new UsageError(`${name} is not an http or https URL`, { hint: 'write it as http://host:port, or unset it' })
  }
  return { httpProxy: readUrl('HTTP_PROXY'), httpsProxy: readUrl('HTTPS_PROXY'), noProxy: read('NO_PROXY') }
}
