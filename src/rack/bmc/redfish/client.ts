// Redfish requests to one BMC: login, JSON with bounds, and refusals in words that quote nothing of the request.
import { z } from 'zod'
import type { Clock } from '../../../clock.ts'
import type { Connections } from '../../../http/connections.ts'
import { type ApiAnswer, NoAnswerError, send } from '../../../http/transport.ts'
import type { Reporter } from '../../../io.ts'
import { readJson } from '../../../text/json.ts'
import { BmcError } from '../bmc-error.ts'
import { describeBmc } from '../ipmitool.ts'
import type { RedfishSettings } from '../../file/power-settings.ts'
import { readSecret, type SecretSources } from '../../file/secret.ts'
import { connectToBmc, explainSilence } from '../pinned-tls.ts'

const answerTimeoutMs = 30_000
const rootPath = '/redfish/v1/'

/** The parts of a client besides its settings. */
export interface RedfishTools {
  machine: string
  secrets: SecretSources
  clock: Clock
  report: Pick<Reporter, 'debug'>
}

/** A complete answer. */
export interface RedfishAnswer {
  status: number
  /** The parsed body; undefined if there is none, or it is not JSON. */
  json: unknown
  etag: string | undefined
  /** The BMC's message names, such as `PropertyValueNotInList`. */
  messages: string[]
}

/** A resource as it was read. */
export interface Resource<T> {
  value: T
  etag: string | undefined
}

const linkSchema = z.looseObject({ '@odata.id': z.string() })

const extendedInfo = z.looseObject({
  error: z.looseObject({
    code: z.string().optional().catch(undefined),
    '@Message.ExtendedInfo': z.array(z.looseObject({ MessageId: z.string() })).catch([]),
  }),
})

/** The message of a refusal for want of a license; its status is that of a refused login (Supermicro) or another (HPE). */
const license = /Licen[sc]e/i

/** Whether a BMC wants a license for what was asked. */
export function wantsLicense({ messages }: Pick<RedfishAnswer, 'messages'>): boolean {
  return messages.some((name) => license.test(name))
}

const root = z.looseObject({
  Links: z.looseObject({ Sessions: linkSchema }).optional().catch(undefined),
  Systems: linkSchema.optional().catch(undefined),
  Managers: linkSchema.optional().catch(undefined),
})

/** The last part of each message id: of the BMC's text nothing is shown, since it may quote the request. */
function readMessages(json: unknown): string[] {
  const body = extendedInfo.safeParse(json).data
  if (body === undefined) return []
  const ids = [...body.error['@Message.ExtendedInfo'].map(({ MessageId }) => MessageId), body.error.code ?? '']
  return [...new Set(ids.map((id) => /\.?(\w{3,60})$/.exec(id)?.[1] ?? '').filter((id) => id !== ''))]
}

/** One BMC. */
export class RedfishClient {
  readonly name: string
  readonly #settings: RedfishSettings
  readonly #tools: RedfishTools
  readonly #connections: Connections
  /** A session's token, and where it is ended. */
  #session: { token: string; path: string | undefined } | undefined

  constructor(settings: RedfishSettings, tools: RedfishTools) {
    this.#settings = settings
    this.#tools = tools
    this.#connections = connectToBmc(settings.certificate, tools.clock)
    this.name = describeBmc(tools.machine, new URL(settings.url).host)
  }

  /** The path of a link. @throws BmcError for a link that leaves the BMC */
  pathOf(target: string): string {
    const base = this.#settings.url
    const url = URL.canParse(target, base) ? new URL(target, base) : undefined
    if (url?.origin !== base) throw new BmcError('failed', `${this.name} has a link that leads to another server`)
    return url.pathname + url.search
  }

  async #sendOnce(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    { headers, body, signal }: { headers: Record<string, string>; body?: unknown; signal: AbortSignal },
  ): Promise<ApiAnswer> {
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const outgoing = {
      method,
      headers: { accept: 'application/json', 'odata-version': '4.0', ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      answerMs: this.#tools.clock.toRealMs(answerTimeoutMs),
    }
    const answer = await send(this.#connections, this.#settings.url + path, outgoing, this.#tools.report)
    if (!(answer instanceof NoAnswerError)) return answer
    throw explainSilence(this.name, answer, 'HOST:443')
  }

  async #password(): Promise<string> {
    return await readSecret(
      this.#settings.password,
      `the BMC password of "${this.#tools.machine}"`,
      this.#tools.secrets,
    )
  }

  async #credentials(signal: AbortSignal): Promise<Record<string, string>> {
    const { auth, user } = this.#settings
    if (auth === 'basic') {
      return { authorization: `Basic ${Buffer.from(`${user}:${await this.#password()}`).toString('base64')}` }
    }
    this.#session ??= await this.#logIn(signal)
    return { 'x-auth-token': this.#session.token }
  }

  async #logIn(signal: AbortSignal): Promise<{ token: string; path: string | undefined }> {
    const { user } = this.#settings
    const link = (await this.#readRoot(signal)).Links?.Sessions['@odata.id']
    const path = this.pathOf(link ?? '/redfish/v1/SessionService/Sessions')
    const body = { UserName: user, Password: await this.#password() }
    const answer = await this.#sendOnce('POST', path, { headers: {}, body, signal })
    const { 'x-auth-token': token, location } = answer.headers
    if (answer.status === 401 || answer.status === 403 || answer.status === 400) throw this.#refuseLogin()
    if (answer.status >= 300 || token === undefined) throw this.#describe('open a session', toRedfishAnswer(answer))
    return { token, path: location === undefined ? undefined : this.pathOf(location) }
  }

  #refuseLogin(): BmcError {
    return new BmcError('login', `${this.name} does not accept the user "${this.#settings.user}" or its password`, {
      hint: 'check them in its web page; the user must be allowed to use Redfish and to switch the machine',
    })
  }

  /** Sends a request with the login. @throws BmcError if there is no answer, or the login is refused */
  async request(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    { body, headers = {}, signal }: { body?: unknown; headers?: Record<string, string>; signal: AbortSignal },
  ): Promise<RedfishAnswer> {
    for (;;) {
      const hadSession = this.#session !== undefined
      const login = await this.#credentials(signal)
      const answer = await this.#sendOnce(method, path, { headers: { ...headers, ...login }, body, signal })
      if (answer.status === 401 && hadSession) {
        // It has expired, or the BMC has restarted.
        this.#session = undefined
        continue
      }
      const read = toRedfishAnswer(answer)
      if (answer.status === 401 || (answer.status === 403 && !wantsLicense(read))) throw this.#refuseLogin()
      return read
    }
  }

  /** Reads a resource. @throws BmcError if it cannot be read, or is not as the schema says */
  async read<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<Resource<T>> {
    return this.#toResource(path, schema, await this.request('GET', path, { signal }))
  }

  /** Reads a resource that may be missing. @throws BmcError as `read` does, for anything but 404 */
  async readIfAny<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<Resource<T> | undefined> {
    const answer = await this.request('GET', path, { signal })
    return answer.status === 404 ? undefined : this.#toResource(path, schema, answer)
  }

  #toResource<T>(path: string, schema: z.ZodType<T>, answer: RedfishAnswer): Resource<T> {
    if (answer.status !== 200) throw this.#describe(`show ${path}`, answer)
    const result = schema.safeParse(answer.json)
    if (result.success) return { value: result.data, etag: answer.etag }
    const why =
      answer.json === undefined ? 'is not JSON' : `has no valid "${result.error.issues[0]?.path.join('.') ?? ''}"`
    throw new BmcError('failed', `${this.name} does not show ${path} as Redfish has it: its answer ${why}`, {
      hint: 'check its address, and update its firmware',
    })
  }

  async #readRoot(signal: AbortSignal): Promise<z.infer<typeof root>> {
    const answer = await this.#sendOnce('GET', rootPath, { headers: {}, signal })
    const parsed = root.safeParse(readJson(answer.text))
    if (answer.status === 200 && parsed.success) return parsed.data
    const what = answer.status === 200 ? '200, but with no service root' : answer.status
    throw new BmcError('failed', `${this.name} does not speak Redfish: GET ${rootPath} answers ${what}`, {
      hint: 'check its address, and that Redfish is enabled',
    })
  }

  /** The path of its list of systems. */
  async findSystems(signal: AbortSignal): Promise<string> {
    const link = (await this.#readRoot(signal)).Systems?.['@odata.id']
    return this.pathOf(link ?? '/redfish/v1/Systems')
  }

  /** The path of its list of managers. */
  async findManagers(signal: AbortSignal): Promise<string> {
    const link = (await this.#readRoot(signal)).Managers?.['@odata.id']
    return this.pathOf(link ?? '/redfish/v1/Managers')
  }

  #describe(what: string, { status, messages }: RedfishAnswer): BmcError {
    const why = messages.length === 0 ? '' : ` (${messages.join(', ')})`
    return new BmcError('failed', `${this.name} does not ${what}: it answers ${status}${why}`)
  }

  /** The error for a refusal. */
  refuse(what: string, { status, messages }: RedfishAnswer, options?: { hint: string }): BmcError {
    const why = messages.length === 0 ? '' : ` (${messages.join(', ')})`
    return new BmcError('refused', `${this.name} refuses to ${what}: it answers ${status}${why}`, options)
  }

  /** Ends the session and the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session
    this.#session = undefined
    if (session?.path !== undefined) {
      const signal = AbortSignal.timeout(this.#tools.clock.toRealMs(5000))
      const headers = { 'x-auth-token': session.token }
      // A BMC that is gone ends it by itself.
      await this.#sendOnce('DELETE', session.path, { headers, signal }).catch(() => {})
    }
    this.#connections.close()
  }
}

function toRedfishAnswer({ status, headers, text }: ApiAnswer): RedfishAnswer {
  const json = readJson(text)
  return { status, json, etag: headers['etag'], messages: readMessages(json) }
}
