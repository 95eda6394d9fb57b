// Checks that machines can fetch their files, before anything costs money.
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { within } from '../deadline.ts'
import { messageOf, ServeError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { openFilesHint } from '../files/open-files.ts'
import { Connections } from '../http/connections.ts'
import { TimedOutError } from '../http/pool.ts'
import { readProxies } from '../http/proxy.ts'
import { basicLogin } from '../http/url-parts.ts'
import type { Reporter } from '../io.ts'
import { ipxeProblem } from '../ipxe-url.ts'
import { hidePassword } from '../text/hide-password.ts'

/** How URLs are checked. */
export interface CheckOptions {
  /** When aborted, the checks end and its reason is thrown. */
  signal: AbortSignal
  /** The longest wait for one URL, redirects included. */
  timeoutMs: number
  /** The environment that names proxies. */
  env?: Record<string, string | undefined>
  /** What to do about a URL that cannot be fetched. */
  hint: string
  report: Pick<Reporter, 'detail' | 'event' | 'warn'>
}

const maxRedirects = 10

/**
 * What to do about a URL that cannot be fetched.
 * @param port where this computer serves the image; undefined if it is served elsewhere
 */
export function hintOfUrls(baseUrl: string, port: number | undefined): string {
  if (port === undefined) return 'push the image there first, or pass -serve to serve it from this computer'
  const url = new URL(baseUrl)
  const named = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return named === port
    ? `check that the base URL leads to port ${port} of this computer, where -serve listens`
    : `-serve listens on port ${port}, but the base URL names port ${named}: use the same port for both, or forward ${named} to ${port}`
}

/** A URL with its password masked. */
function showUrl(url: URL): string {
  if (url.password === '') return url.href
  const shown = new URL(url)
  shown.password = '***'
  return shown.href
}

/** Describes a failure without a response, from the error's code or, for TLS, from OpenSSL's message. */
function describeCause(error: unknown, url: URL, timeoutMs: number): string {
  const code = errorCode(error) ?? ''
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host "${url.hostname}" does not resolve (DNS)`
    case 'ECONNREFUSED':
      return `nothing listens on "${url.host}" (connection refused)`
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no route to "${url.host}"`
    case 'EMFILE':
    case 'ENFILE':
      return `${describeCondition(error)} on this computer`
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection was closed without an answer'
    case 'ETIMEDOUT':
      return `no answer within ${timeoutMs / 1000} s`
    default: {
      const message = messageOf(error)
      if (error instanceof TimedOutError || (error instanceof Error && error.name === 'TimeoutError'))
        return `no answer within ${timeoutMs / 1000} s`
      const tls = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code)
      return tls ? `TLS failed: ${message.split('\n')[0]} (${code})` : message
    }
  }
}

function warnOfHttps(shown: string, to: URL): string {
  return `${shown} redirects to "${showUrl(to)}": many machines cannot fetch https (their iPXE lacks TLS or trusts few certificates); serve it over http`
}

/** Sends one request and discards the body. */
async function sendRequest(connections: Connections, method: 'HEAD' | 'GET', url: URL, signal: AbortSignal) {
  const headers = { accept: '*/*', ...basicLogin(url) }
  const answer: IncomingMessage = await connections.request(url, { method, headers, signal })
  answer.on('error', () => {})
  answer.destroy()
  return answer
}

/** Follows redirects from a URL to the final response. @throws ServeError if the URL cannot be fetched */
async function checkUrl(connections: Connections, first: string, options: CheckOptions, signal: AbortSignal) {
  const { timeoutMs, hint, report } = options
  const start = performance.now()
  let url = new URL(first)
  const problem = ipxeProblem(first)
  // If iPXE and Node read the URL differently, it is shown as it was written.
  const shown = `"${problem === undefined ? showUrl(url) : hidePassword(first)}"`
  const fail = (why: string, cause?: unknown) =>
    new ServeError(`${shown} cannot be fetched: ${why}`, {
      hint: ['EMFILE', 'ENFILE'].includes(errorCode(cause) ?? '') ? openFilesHint : hint,
      cause,
    })
  if (problem !== undefined) throw fail(`iPXE cannot fetch it: ${problem}`)
  const seen = new Set<string>()
  for (;;) {
    const via = seen.size === 0 ? '' : ` (redirected to "${showUrl(url)}")`
    let answer
    try {
      answer = await sendRequest(connections, 'HEAD', url, signal)
      if (answer.statusCode === 405 || answer.statusCode === 501)
        answer = await sendRequest(connections, 'GET', url, signal)
    } catch (error) {
      throw fail(`${describeCause(error, url, timeoutMs)}${via}`, error)
    }
    const { statusCode = 0, headers } = answer
    const { location } = headers
    if ([301, 302, 303, 307, 308].includes(statusCode) && location !== undefined) {
      seen.add(url.href)
      if (!URL.canParse(location, url.href)) throw fail(`it redirects to "${location}", which is not a URL`)
      const next = new URL(location, url)
      if (next.protocol !== 'http:' && next.protocol !== 'https:')
        throw fail(`it redirects to "${next.href}", which is not http or https`)
      const absolute = /^[a-z]+:/i.test(location)
      const unread = ipxeProblem(absolute ? location : `${url.origin}${location.startsWith('/') ? '' : '/'}${location}`)
      if (unread !== undefined)
        throw fail(`it redirects to "${hidePassword(location)}", where iPXE cannot follow: ${unread}`)
      if (url.protocol === 'http:' && next.protocol === 'https:') report.warn(warnOfHttps(shown, next))
      if (seen.has(next.href)) throw fail(`it redirects in a loop, back to "${showUrl(next)}"`)
      if (seen.size > maxRedirects) throw fail(`it redirects more than ${maxRedirects} times`)
      url = next
      continue
    }
    if (statusCode !== 200)
      throw fail(`the server answered ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd() + via)
    const size = headers['content-length']
    if (size !== undefined && Number(size) === 0) throw fail(`it is empty${via}`)
    const ms = Math.round(performance.now() - start)
    report.detail(`${shown}${via} is available, ${size === undefined ? 'of unknown size' : `${size} bytes`}, ${ms} ms`)
    const bytes = size === undefined ? {} : { bytes: Number(size) }
    report.event('url-checked', { url: showUrl(new URL(first)), status: statusCode, ...bytes })
    return
  }
}

/**
 * Checks in parallel that each URL can be fetched: with HEAD, or GET if HEAD is not supported, through up to 10 redirects.
 * @throws ServeError for the first of the given URLs that cannot be fetched; UsageError for a proxy that is not a URL
 */
export async function checkUrls(urls: readonly string[], options: CheckOptions): Promise<void> {
  const { signal, timeoutMs } = options
  signal.throwIfAborted()
  const findProxy = readProxies(options.env ?? {})
  const connections = new Connections({ connectMs: timeoutMs, findProxy, forwardsHttp: true })
  try {
    const either = within(timeoutMs, signal)
    const results = await Promise.allSettled(urls.map((url) => checkUrl(connections, url, options, either)))
    signal.throwIfAborted()
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  } finally {
    connections.close()
  }
}
