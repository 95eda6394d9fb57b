// The Metal API: each call returns its result, or throws an error written for the user.
import type { z } from 'zod/mini'
import { abortAfter } from '../deadline.ts'
import { decideRetry, reportRetry } from '../http/retry.ts'
import { type ApiAnswer, createDispatcher, NoAnswerError, send, wholeAnswerMs } from '../http/transport.ts'
import { UncertainError } from '../errors.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Reporter } from '../io.ts'
import { type Call, isWholeJson, noAnswer, readAnswer, apiRefusal, timeOf } from './answer.ts'
import { readPages } from './pages.ts'
import {
  type Device,
  type DeviceAction,
  type DeviceCreateInput,
  type ApiEvent,
  type DeviceUpdateInput,
  deviceListSchema,
  deviceSchema,
  eventListSchema,
  labHeader,
  metroListSchema,
  planListSchema,
  projectSchema,
  sshKeyListSchema,
} from './schema.ts'

/** How to reach the API, and as whom. */
export interface ClientOptions {
  /** Without a trailing slash, such as https://api.equinix.com/metal/v1. */
  apiUrl: string
  token: string
  /** Where URL and token came from, as errors name it: a flag, a variable, a key of metal.yaml. */
  apiUrlFrom?: string | undefined
  tokenFrom?: string | undefined
  env: Record<string, string | undefined>
  report: Reporter
  /** For waits, deadlines and time-outs; defaults to the system's. */
  clock?: Clock | undefined
}

/** The API has taken four minutes to answer a create; giving up sooner would create a second machine. */
const createTimeoutMs = 5 * 60_000
/** How long to wait, after an interrupt, for the answer to a request that must not be cut off. */
const lastAnswerMs = 10_000

/** A client of one API with one token. */
export class MetalClient {
  readonly apiUrl: string
  readonly clock: Clock
  /** True for the API of a lab that ends, with its machines, when its command ends. */
  readonly isTemporary: boolean
  /** True once an answer has said that this is the API of a lab, whose machines cost nothing. */
  isLab = false
  readonly #options: ClientOptions
  readonly #dispatcher: ReturnType<typeof createDispatcher>
  /** The API's time minus the monotonic clock's, at the latest answer. */
  #offsetMs: number | undefined

  constructor(options: ClientOptions) {
    this.#options = options
    this.apiUrl = options.apiUrl
    this.isTemporary = options.env['METAL_LAB_TEMPORARY'] === options.apiUrl
    this.clock = options.clock ?? systemClock
    this.#dispatcher = createDispatcher(options.apiUrl, options.env, this.clock)
  }

  /** The API's own time, in ms since 1970, from the Date header of its latest answer (RFC 9110, section 6.6.1); before any answer, this computer's. */
  nowMs(): number {
    return this.#offsetMs === undefined ? this.clock.now() : this.clock.monotonicMs() + this.#offsetMs
  }

  async getProject(id: string, signal?: AbortSignal) {
    return this.#read(
      { method: 'GET', path: `/projects/${id}`, doing: `looking up the project "${id}"`, signal },
      projectSchema,
    )
  }

  async listPlans(projectId: string, signal?: AbortSignal) {
    const { plans } = await this.#read(
      { method: 'GET', path: `/projects/${projectId}/plans`, doing: 'listing plans', signal },
      planListSchema,
    )
    return plans
  }

  async listMetros(signal?: AbortSignal) {
    const { metros } = await this.#read(
      { method: 'GET', path: '/locations/metros', doing: 'listing metros', signal },
      metroListSchema,
    )
    return metros
  }

  /** The API's own time, in ms since 1970, to the second (RFC 9110, section 6.6.1); undefined without a Date header. */
  async readTime(signal?: AbortSignal): Promise<number | undefined> {
    const call = { method: 'GET', path: '/locations/metros', doing: 'asking for the time', signal } as const
    return timeOf(await this.#call(call))
  }

  async listSshKeys(projectId: string, signal?: AbortSignal) {
    const { ssh_keys: keys } = await this.#read(
      { method: 'GET', path: `/projects/${projectId}/ssh-keys`, doing: "listing the project's SSH keys", signal },
      sshKeyListSchema,
    )
    return keys
  }

  /** The SSH keys of the token's user. @throws ApiError for a project token, which has no user */
  async listOwnSshKeys(signal?: AbortSignal) {
    const { ssh_keys: keys } = await this.#read(
      { method: 'GET', path: '/ssh-keys', doing: 'listing your SSH keys', signal },
      sshKeyListSchema,
    )
    return keys
  }

  /**
   * Creates a machine.
   * @param lastTry once aborted, no retry starts, and the request under way has a few seconds left
   * @throws UncertainError if the machine may or may not exist; lastTry.reason if it does not
   */
  async createDevice(
    projectId: string,
    input: DeviceCreateInput,
    lastTry?: AbortSignal,
    turnedAway?: Call['turnedAway'],
  ): Promise<Device> {
    const path = `/projects/${projectId}/devices`
    const call = { method: 'POST', path, doing: 'creating a machine', body: input, lastTry, turnedAway } as const
    return this.#read({ ...call, answerTimeoutMs: createTimeoutMs }, deviceSchema)
  }

  async getDevice(id: string, signal?: AbortSignal): Promise<Device> {
    return this.#read(
      { method: 'GET', path: `/devices/${id}`, doing: `looking up the machine "${id}"`, signal },
      deviceSchema,
    )
  }

  /** All devices of a project, or those with a tag, from every page. */
  async listDevices(projectId: string, tag: string | undefined, signal?: AbortSignal): Promise<Device[]> {
    const all = await readPages(async (page) => {
      const query = new URLSearchParams({ ...(tag === undefined ? {} : { tag }), page: String(page), per_page: '100' })
      const path = `/projects/${projectId}/devices?${query.toString()}`
      return await this.#read(
        { method: 'GET', path, doing: "listing the project's machines", signal },
        deviceListSchema,
      )
    })
    return tag === undefined ? all : all.filter((device) => device.tags?.includes(tag))
  }

  async updateDevice(id: string, input: DeviceUpdateInput, signal?: AbortSignal): Promise<Device> {
    return this.#read(
      { method: 'PUT', path: `/devices/${id}`, doing: `updating the machine "${id}"`, body: input, signal },
      deviceSchema,
    )
  }

  async deleteDevice(id: string, signal?: AbortSignal): Promise<void> {
    await this.#call({ method: 'DELETE', path: `/devices/${id}`, doing: `deleting the machine "${id}"`, signal })
  }

  async act(id: string, type: DeviceAction, signal?: AbortSignal): Promise<void> {
    await this.#call({
      method: 'POST',
      path: `/devices/${id}/actions`,
      doing: `the action ${type} on the machine "${id}"`,
      body: { type },
      signal,
    })
  }

  /** The newest events of a device, newest first. */
  async listEvents(id: string, signal?: AbortSignal): Promise<ApiEvent[]> {
    const call = {
      method: 'GET',
      path: `/devices/${id}/events?per_page=50`,
      doing: `listing the events of "${id}"`,
      signal,
    } as const
    return (await this.#read(call, eventListSchema)).events
  }

  async #read<S extends z.ZodMiniType>(call: Call, schema: S): Promise<z.infer<S>> {
    return readAnswer(call, await this.#call(call), schema, this.#options)
  }

  /** Sends a call, and retries it where that is safe. @throws ApiError or AuthenticationError for any answer but 2xx */
  async #call(call: Call): Promise<ApiAnswer> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call)
      const lost = outcome instanceof NoAnswerError
      const done = !lost && outcome.status >= 200 && outcome.status < 300
      // A truncated answer is worth a retry if that is safe; if the last one is truncated, the error says so.
      const half = done && call.method !== 'POST' && !isWholeJson(outcome.text)
      if (done && !half) return outcome
      if (!lost && outcome.status === 429) call.turnedAway?.note()
      const failure = {
        method: call.method,
        status: lost || half ? undefined : outcome.status,
        neverSent: lost && outcome.neverSent,
        headers: lost ? {} : outcome.headers,
      }
      const isHopeless = lost && outcome.untrusted
      const delayMs = isHopeless ? undefined : decideRetry(failure, attempt, this.clock.now(), Math.random())
      if (delayMs === undefined && half) return outcome
      if (delayMs === undefined)
        throw lost ? noAnswer(call, outcome, this.#options) : apiRefusal(call, outcome, this.#options)
      const what = lost ? outcome.message : half ? 'the answer is truncated' : `the API answered ${outcome.status}`
      reportRetry(this.#options.report, `${call.doing}: ${what}`, attempt, delayMs)
      const { signal, lastTry } = call
      await this.clock.sleep(delayMs, AbortSignal.any([signal, lastTry].filter((source) => source !== undefined)))
      if (!lost && (await call.turnedAway?.wasDone())) {
        throw new UncertainError(`${call.doing}: the API answered ${outcome.status} but carried it out anyway`)
      }
    }
  }

  async #attempt({ method, path, body, signal, lastTry, answerTimeoutMs }: Call): Promise<ApiAnswer | NoAnswerError> {
    const headers = {
      'x-auth-token': this.#options.token,
      accept: 'application/json',
      'user-agent': 'metalkit',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    using patience = lastTry === undefined ? undefined : abortAfter(lastTry, this.clock.toRealMs(lastAnswerMs))
    const outgoing = {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: patience?.signal ?? signal,
      answerTimeoutMs: answerTimeoutMs === undefined ? undefined : this.clock.toRealMs(answerTimeoutMs),
      patienceMs: this.clock.toRealMs(wholeAnswerMs),
    }
    try {
      const answer = await send(this.#dispatcher, this.apiUrl + path, outgoing, this.#options.report)
      if (answer instanceof NoAnswerError) return answer
      this.isLab ||= answer.headers[labHeader] !== undefined
      const timeMs = timeOf(answer)
      if (timeMs !== undefined) this.#offsetMs = timeMs - this.clock.monotonicMs()
      return answer
    } catch (error) {
      if (!patience?.signal.aborted) throw error
      return new NoAnswerError('no answer came before the run was interrupted', error)
    }
  }
}
