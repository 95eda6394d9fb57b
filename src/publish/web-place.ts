// A base URL as a place to verify: sends the same requests as iPXE and takes the bytes as they arrive.
import { STATUS_CODES } from 'node:http'
import { Agent, type Dispatcher, interceptors } from 'undici'
import { VerifyError } from '../errors.ts'
import { describeCondition } from '../text/system-error.ts'
import { dropConnections, requestNow } from '../http/transport.ts'
import type { Reporter } from '../io.ts'
import type { PublishedPlace } from './verify.ts'

const maxRedirects = 10
/** The longest wait for a connection, a response, or its next bytes. */
const silenceMs = 30_000

const hint = 'check the URL, and that the server is running'

/** The folder at a base URL. */
export class WebPlace implements PublishedPlace {
  readonly #base: string
  readonly #report: Pick<Reporter, 'warn'>
  readonly #headers: Record<string, string>
  readonly #agent = new Agent({ connect: { timeout: silenceMs }, headersTimeout: silenceMs, bodyTimeout: silenceMs })
  readonly #dispatcher = this.#agent.compose(interceptors.redirect({ maxRedirections: maxRedirects }))

  constructor(baseUrl: string, report: Pick<Reporter, 'warn'>) {
    this.#report = report
    const url = new URL(baseUrl)
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    this.#headers = url.username === '' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
    url.username = ''
    url.password = ''
    this.#base = url.href.replace(/\/$/, '')
  }

  locate(name: string): string {
    return `${this.#base}/${name}`
  }

  async open(name: string, signal: AbortSignal): Promise<AsyncIterable<Buffer> | undefined> {
    const url = this.locate(name)
    let answer: Dispatcher.ResponseData
    try {
      answer = await requestNow(this.#dispatcher, { ...split(url), method: 'GET', headers: this.#headers, signal })
    } catch (error) {
      signal.throwIfAborted()
      throw fetchError(url, error)
    }
    const { statusCode, body } = answer
    const last = visited(answer).at(-1)
    if (url.startsWith('http:') && last?.protocol === 'https:') {
      this.#report.warn(
        `"${url}" redirects to "${last.origin}${last.pathname}": many machines cannot fetch https (their iPXE lacks TLS or trusts few certificates)`,
      )
    }
    if (statusCode === 200) return readBody(body, url, signal)
    await body.dump()
    if (statusCode === 404 || statusCode === 410) return undefined
    throw new VerifyError(
      `"${url}" cannot be fetched: the server answered ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd(),
      { hint },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    dropConnections(this.#agent)
  }
}

/** The URLs of a response's redirects, as undici keeps them. */
function visited({ context }: Dispatcher.ResponseData): URL[] {
  const history: unknown =
    context !== null && typeof context === 'object' && 'history' in context ? context.history : []
  return Array.isArray(history) ? history.filter((url) => url instanceof URL) : []
}

function split(url: string): { origin: string; path: string } {
  const { origin, pathname, search } = new URL(url)
  return { origin, path: pathname + search }
}

async function* readBody(body: AsyncIterable<Buffer>, url: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* body
  } catch (error) {
    signal.throwIfAborted()
    throw fetchError(url, error)
  }
}

function fetchError(url: string, error: unknown): VerifyError {
  const why = describeCondition(error)
  return new VerifyError(`"${url}" cannot be fetched (${why})`, { hint, cause: error })
}
