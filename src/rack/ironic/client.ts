// Requests to an OpenStack Ironic: login, version, JSON with bounds, and its refusals in words.
import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import type { Connections } from '../../http/connections.ts'
import { type ApiAnswer, NoAnswerError, send } from '../../http/transport.ts'
import type { Reporter } from '../../io.ts'
import { readJson } from '../../text/json.ts'
import { plainText } from '../../text/plain-text.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { connectToBmc, explainSilence } from '../bmc/pinned-tls.ts'
import type { IronicService } from '../file/ironic-settings.ts'
import { readSecret, type SecretSources } from '../file/secret.ts'

/** Bobcat's: the oldest with which everything here was tried. Without a version Ironic speaks 1.1, where nodes have no names. */
const apiVersion = '1.82'
/** Ironic asks a BMC for as long as a minute before it answers a request for the boot device. */
const answerTimeoutMs = 100_000
/** A service that restarts is away for some seconds. */
const outageMs = 30_000
const outagePollMs = 1000
const maxWordsLength = 300

/** The parts of a client besides its settings. */
export interface IronicTools {
  secrets: SecretSources
  clock: Clock
  report: Pick<Reporter, 'debug'>
}

/** A complete answer. */
export interface IronicAnswer {
  status: number
  /** The parsed body; undefined if there is none, or it is not JSON. */
  json: unknown
  /** Ironic's own reason for a refusal, or ''. */
  words: string
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

const fault = z.looseObject({
  faultstring: z.string().optional(),
  description: z.string().optional(),
  message: z.string().optional(),
})
const refusal = z.looseObject({
  error_message: z.union([z.string(), fault]).optional(),
  error: fault.optional(),
})

/** A text of Ironic as a message quotes it: on one line, and not too long. */
export function quoteIronic(text: string): string {
  const line = plainText(text.trim()).replace(/\.$/, '')
  return line.length > maxWordsLength ? `${line.slice(0, maxWordsLength)}...` : line
}

/** The reason in an answer: JSON in a string inside of JSON, or one level less. */
function readWords(json: unknown): string {
  const body = refusal.safeParse(json).data
  const outer = body?.error_message ?? body?.error
  const inner = typeof outer === 'string' ? (fault.safeParse(readJson(outer)).data ?? { faultstring: outer }) : outer
  return quoteIronic(inner?.faultstring ?? inner?.description ?? inner?.message ?? '')
}

/** One Ironic. */
export class IronicClient {
  /** The service in messages. */
  readonly name: string
  readonly #service: IronicService
  readonly #tools: IronicTools
  readonly #connections: Connections

  constructor(service: IronicService, tools: IronicTools) {
    this.#service = service
    this.#tools = tools
    this.#connections = connectToBmc(service.certificate, tools.clock)
    this.name = `Ironic at "${new URL(service.url).host}"`
  }

  /** The host that the service is on. */
  get host(): string {
    return new URL(this.#service.url).hostname.replaceAll(/^\[|\]$/g, '')
  }

  async #login(): Promise<Record<string, string>> {
    const { login } = this.#service
    if (login === undefined) return {}
    if ('token' in login) {
      return { 'x-auth-token': await readSecret(login.token, `the token for ${this.name}`, this.#tools.secrets) }
    }
    const password = await readSecret(login.password, `the password for ${this.name}`, this.#tools.secrets)
    return { authorization: `Basic ${Buffer.from(`${login.user}:${password}`).toString('base64')}` }
  }

  /**
   * Sends a request, again for a while if no answer comes: each must be one that can be repeated. `path` begins after `/v1`.
   * @throws BmcError if there is no answer, or the login or version is refused
   */
  async request(method: Method, path: string, options: { body?: unknown; signal: AbortSignal }): Promise<IronicAnswer> {
    const { clock } = this.#tools
    const endMs = clock.monotonicMs() + outageMs
    for (;;) {
      try {
        return await this.ask(method, path, options)
      } catch (error) {
        const isOutage = error instanceof BmcError && error.reason === 'unreachable'
        if (!isOutage || clock.monotonicMs() >= endMs) throw error
        await clock.sleep(outagePollMs, options.signal)
      }
    }
  }

  /** Sends a request once. @throws BmcError as `request` does */
  async ask(
    method: Method,
    path: string,
    { body, signal }: { body?: unknown; signal: AbortSignal },
  ): Promise<IronicAnswer> {
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const version = { 'x-openstack-ironic-api-version': apiVersion }
    const outgoing = {
      method,
      headers: { accept: 'application/json', ...version, ...json, ...(await this.#login()) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      answerMs: this.#tools.clock.toRealMs(answerTimeoutMs),
    }
    const answer = await send(this.#connections, `${this.#service.url}/v1${path}`, outgoing, this.#tools.report)
    if (answer instanceof NoAnswerError) throw explainSilence(this.name, answer, 'HOST:PORT')
    if (answer.status === 401 || answer.status === 403) throw this.#refuseLogin(answer)
    const parsed = readJson(answer.text)
    if (answer.status === 406) {
      throw new BmcError('unsupported', `${this.name} is too old: it does not know version ${apiVersion} of its API`)
    }
    return { status: answer.status, json: parsed, words: answer.status < 400 ? '' : readWords(parsed) }
  }

  /** Reads a resource. @returns undefined if there is none of that name @throws BmcError if it is not as the schema says */
  async read<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    return this.parse(path, schema, await this.request('GET', path, { signal }))
  }

  /** A resource in an answer. @returns undefined if there is none @throws BmcError if it is not as the schema says */
  parse<T>(path: string, schema: z.ZodType<T>, answer: IronicAnswer): T | undefined {
    if (answer.status === 404) return undefined
    const result = schema.safeParse(answer.json)
    if (answer.status !== 200) throw this.refuse(`show ${path}`, answer)
    if (result.success) return result.data
    throw new BmcError('failed', `${this.name} does not speak the API of Ironic: its answer to ${path} is another`, {
      hint: 'check its URL in the rack file',
    })
  }

  /** The error for a refusal. */
  refuse(what: string, { status, words }: IronicAnswer): BmcError {
    const why = words === '' ? '' : `: ${words}`
    return new BmcError(status >= 500 ? 'failed' : 'refused', `${this.name} does not ${what} (${status})${why}`)
  }

  #refuseLogin({ status, headers }: ApiAnswer): BmcError {
    const { login } = this.#service
    const wanted = headers['www-authenticate'] ?? ''
    if (status === 401 && /^keystone/i.test(wanted)) {
      const what = login === undefined || 'user' in login ? 'wants a token of Keystone' : 'does not accept its token'
      return new BmcError('login', `${this.name} ${what}, which metalkit does not get by itself`, {
        hint: 'write token: {env: NAME} or {file: PATH} in the rack file (openstack token issue), and renew it before it expires',
      })
    }
    const who =
      login === undefined
        ? 'wants a login'
        : 'user' in login
          ? `does not accept the user "${login.user}" or its password`
          : 'does not accept its token'
    return new BmcError('login', `${this.name} ${who}`, {
      hint:
        login === undefined
          ? 'write user and password beside its URL in the rack file'
          : 'it must be allowed to switch nodes and to allocate them',
    })
  }

  /** Ends the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.close()
  }
}
