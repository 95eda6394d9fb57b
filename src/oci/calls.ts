// The calls of one region with one profile: signed, paged, repeated safely.
import type { z } from 'zod/mini'
import { type Call, type Dialect, readAnswer } from '../http/answer.ts'
import { ApiCaller, type CallerContext } from '../http/caller.ts'
import type { ApiAnswer } from '../http/transport.ts'
import { systemClock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import { hidePassword } from '../text/hide-password.ts'
import type { Profile } from './config-file.ts'
import { createDialect } from './dialect.ts'
import { apiVersion, headers } from './schema.ts'

/** At a thousand items a page, more than any compartment has. */
const maxPages = 1000
const pageSize = 1000

type Query = Record<string, string | undefined>

/** A path with those parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value)
  return `${path}?${parameters.toString()}`
}

/** The services that are called. */
type Service = 'core' | 'identity'

/** What a call needs besides its path. */
interface Purpose {
  /** What the call does, for errors: "creating a machine". */
  doing: string
  signal?: AbortSignal | undefined
  service?: Service
}

/** Whether the API says that something does not exist; it says so too of what the user may not see. */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/** Calls the APIs of one region with one profile. */
export class OciCalls {
  readonly #dialects: Record<Service, Dialect>
  readonly #callers: Record<Service, ApiCaller>

  /** @param apiUrl of a stand-in for both APIs; undefined for the region's own */
  constructor(profile: Profile, apiUrl: string | undefined, apiUrlFrom: string | undefined, context: CallerContext) {
    const { region } = profile
    const { clock = systemClock } = context
    const open = (host: string) => {
      const base = apiUrl ?? `https://${host}.oraclecloud.com`
      const time = { nowMs: () => caller.nowMs(), localMs: () => clock.now() }
      const dialect = createDialect({ apiUrl: base, apiUrlFrom }, profile, time)
      const caller: ApiCaller = new ApiCaller(dialect, context)
      return { dialect, caller }
    }
    const core = open(`iaas.${region}`)
    const identity = apiUrl === undefined ? open(`identity.${region}.oci`) : core
    this.#dialects = { core: core.dialect, identity: identity.dialect }
    this.#callers = { core: core.caller, identity: identity.caller }
  }

  get caller(): ApiCaller {
    return this.#callers.core
  }

  /** The API's URL, for messages. */
  get apiUrl(): string {
    return hidePassword(this.#dialects.core.apiUrl)
  }

  async call(call: Call, service: Service = 'core'): Promise<ApiAnswer> {
    return await this.#callers[service].call({ ...call, path: `/${apiVersion}${call.path}` })
  }

  async get<S extends z.ZodMiniType>(path: string, schema: S, purpose: Purpose): Promise<z.infer<S>> {
    const { doing, signal, service = 'core' } = purpose
    const call = { method: 'GET', path, doing, signal } as const
    return readAnswer(call, await this.call(call, service), schema, this.#dialects[service])
  }

  /**
   * Sends a POST that its retry token makes safe to repeat.
   * @returns the data, and the headers
   */
  async post<S extends z.ZodMiniType>(
    path: string,
    schema: S,
    token: string,
    more: Pick<Call, 'doing' | 'body' | 'signal' | 'lastTry' | 'turnedAway' | 'answerTimeoutMs'>,
  ): Promise<{ data: z.infer<S>; headers: ApiAnswer['headers'] }> {
    const call = {
      ...more,
      method: 'POST',
      path,
      headers: { [headers.retryToken]: token },
      isRepeatable: true,
    } as const
    const answer = await this.call(call)
    return { data: readAnswer(call, answer, schema, this.#dialects.core), headers: answer.headers }
  }

  /** All items of a list, some of them twice if its pages repeat. @throws ApiError if it never ends */
  async list<T>(path: string, query: Query, schema: z.ZodMiniType<T[]>, purpose: Purpose): Promise<T[]> {
    const { doing, signal, service = 'core' } = purpose
    const items: T[] = []
    const read = new Set<string>()
    let page: string | undefined
    for (let pages = 0; pages < maxPages; pages++) {
      const at = withQuery(path, { ...query, limit: String(pageSize), page })
      const call = { method: 'GET', path: at, doing, signal } as const
      const answer = await this.call(call, service)
      items.push(...readAnswer(call, answer, schema, this.#dialects[service]))
      page = answer.headers[headers.nextPage]
      // A page that was read before leads nowhere else; an empty one may lead to more.
      if (!page || read.has(page)) return items
      read.add(page)
    }
    const { layer } = this.#dialects[service]
    throw new ApiError(`${doing}: the list has no end (${maxPages} pages)`, { layer })
  }

  /** Deletes something that may no longer exist. */
  async forget(path: string, { doing, signal }: Purpose): Promise<void> {
    try {
      await this.call({ method: 'DELETE', path, doing, signal })
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
}
