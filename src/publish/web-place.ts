// A base URL as a place to verify: sends the same requests as iPXE and takes the bytes as they arrive.
import { STATUS_CODES } from 'node:http'
import { VerifyError } from '../errors.ts'
import { describeCondition } from '../text/system-error.ts'
import { Connections } from '../http/connections.ts'
import { follow } from '../http/redirect.ts'
import type { Reporter } from '../io.ts'
import type { PublishedPlace } from './verify.ts'

/** The longest wait for a connection, a response, or its next bytes. */
const silenceMs = 30_000

const hint = 'check the URL, and that the server is running'

/** The folder at a base URL. */
export class WebPlace implements PublishedPlace {
  readonly #base: string
  readonly #report: Pick<Reporter, 'warn'>
  /** The base URL's name and password. */
  readonly #login: Pick<URL, 'username' | 'password'>
  readonly #connections = new Connections({ connectMs: silenceMs, answerMs: silenceMs, silenceMs })

  constructor(baseUrl: string, report: Pick<Reporter, 'warn'>) {
    this.#report = report
    const url = new URL(baseUrl)
    this.#login = { username: url.username, password: url.password }
    url.username = ''
    url.password = ''
    this.#base = url.href.replace(/\/$/, '')
  }

  locate(name: string): string {
    return `${this.#base}/${name}`
  }

  async open(name: string, signal: AbortSignal): Promise<AsyncIterable<Buffer> | undefined> {
    const url = this.locate(name)
    const { answer, url: last } = await follow(this.#connections, Object.assign(new URL(url), this.#login), {
      signal,
    }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw fetchError(url, error)
    })
    const { statusCode = 0 } = answer
    if (url.startsWith('http:') && last.protocol === 'https:') {
      this.#report.warn(
        `"${url}" redirects to "${last.origin}${last.pathname}": many machines cannot fetch https (their iPXE lacks TLS or trusts few certificates)`,
      )
    }
    if (statusCode === 200) return readBody(answer, url, signal)
    answer.resume()
    if (statusCode === 404 || statusCode === 410) return undefined
    throw new VerifyError(
      `"${url}" cannot be fetched: the server answered ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trimEnd(),
      { hint },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.close()
  }
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
