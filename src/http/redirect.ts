// A GET that follows redirects.
import type { IncomingMessage } from 'node:http'
import type { Connections, Outgoing } from './connections.ts'
import { basicLogin } from './url-parts.ts'

const maxRedirects = 10

/** Where a response redirects to; undefined if it does not, or to what is not an http or https URL. */
function redirectOf({ statusCode = 0, headers: { location } }: IncomingMessage, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return undefined
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  return to !== undefined && /^https?:$/.test(to.protocol) ? to : undefined
}

/**
 * Sends a GET request and follows up to 10 redirects. A name and password of the first URL are sent to its own server only.
 * @returns the last response, and its URL
 */
export async function follow(
  connections: Connections,
  first: URL,
  outgoing: Pick<Outgoing, 'signal'>,
): Promise<{ answer: IncomingMessage; url: URL }> {
  let url = first
  for (let redirects = 0; ; redirects++) {
    const headers = url.origin === first.origin ? basicLogin(first) : {}
    const answer = await connections.request(url, { ...outgoing, method: 'GET', headers })
    const next = redirectOf(answer, url)
    if (next === undefined || redirects === maxRedirects) return { answer, url }
    answer.resume()
    url = next
  }
}
