// The Metal API as calls that either give what they say or throw an error that can be shown.
import type { z } from 'zod'
import { decideRetry, reportRetry } from '../http/retry.ts'
import { type Answer, createDispatcher, NoAnswerError, send } from '../http/transport.ts'
import { type Clock, systemClock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { type Call, isWholeJson, noAnswer, readAnswer, refusal } from './answer.ts'
import {
  type Device,
  type DeviceAction,
  type DeviceCreateInput,
  type DeviceEvent,
  type DeviceUpdateInput,
  deviceListSchema,
  deviceSchema,
  eventListSchema,
  type metaSchema,
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
  /** For waits, deadlines and time-outs; the system's where it is undefined. */
  clock?: Clock | undefined
}

/** More than any project has machines, at a hundred a page. */
const maxPages = 1000

/** Whether a list goes on after a page, if any of the ways to say so does; a list that says nothing is asked again. */
function hasMore(meta: z.infer<typeof metaSchema> | null | undefined, page: number, read: number): boolean {
  const { next, last_page: lastPage, total } = meta ?? {}
  const isSilent = next === undefined && typeof lastPage !== 'number' && typeof total !== 'number'
  return isSilent || Boolean(next?.href) || page < (lastPage ?? 0) || read < (total ?? 0)
}

/** A client of one API with one token. */
export class MetalClient {
  readonly apiUrl: string
  readonly clock: Clock
  /** Whether this is the API of a lab that ends with the command it was started for, and its machines with it. */
  readonly isTemporary: boolean
  readonly #options: ClientOptions
  readonly #dispatcher: ReturnType<typeof createDispatcher>

  constructor(options: ClientOptions) {
    this.#options = options
    this.apiUrl = options.apiUrl
    this.isTemporary = options.env['METAL_LAB_TEMPORARY'] === options.apiUrl
    this.clock = options.clock ?? systemClock
    this.#dispatcher = createDispatcher(options.apiUrl, options.env, this.clock)
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

  /** The API's own time, in ms since 1970, to the second (RFC 9110, section 6.6.1); undefined where it does not say. */
  async readTime(signal?: AbortSignal): Promise<number | undefined> {
    const { headers } = await this.#call({
      method: 'GET',
      path: '/locations/metros',
      doing: 'asking for the time',
      signal,
    })
    const timeMs = Date.parse(headers['date'] ?? '')
    return Number.isNaN(timeMs) ? undefined : timeMs
  }

  async listSshKeys(projectId: string, signal?: AbortSignal) {
    const { ssh_keys: keys } = await this.#read(
      { method: 'GET', path: `/projects/${projectId}/ssh-keys`, doing: "listing the project's SSH keys", signal },
      sshKeyListSchema,
    )
    return keys
  }

  /** The SSH keys of the token's user. @throws ApiError for a token that has none */
  async listOwnSshKeys(signal?: AbortSignal) {
    const { ssh_keys: keys } = await this.#read(
      { method: 'GET', path: '/ssh-keys', doing: 'listing your SSH keys', signal },
      sshKeyListSchema,
    )
    return keys
  }

  /** Creates a machine. @throws UncertainError when it is not known whether it exists now; lastTry.reason when it does not */
  async createDevice(projectId: string, input: DeviceCreateInput, lastTry?: AbortSignal): Promise<Device> {
    return this.#read(
      { method: 'POST', path: `/projects/${projectId}/devices`, doing: 'creating a machine', body: input, lastTry },
      deviceSchema,
    )
  }

  async getDevice(id: string, signal?: AbortSignal): Promise<Device> {
    return this.#read(
      { method: 'GET', path: `/devices/${id}`, doing: `looking up the machine "${id}"`, signal },
      deviceSchema,
    )
  }

  /** All devices of a project, or those that carry a tag, through every page. */
  async listDevices(projectId: string, tag: string | undefined, signal?: AbortSignal): Promise<Device[]> {
    const devices = new Map<string, Device>()
    for (let page = 1; ; page++) {
      const query = new URLSearchParams({ ...(tag === undefined ? {} : { tag }), page: String(page), per_page: '100' })
      const list = await this.#read(
        {
          method: 'GET',
          path: `/projects/${projectId}/devices?${query.toString()}`,
          doing: "listing the project's machines",
          signal,
        },
        deviceListSchema,
      )
      const before = devices.size
      for (const device of list.devices) devices.set(device.id, device)
      // A page without anything new is the end, whatever the API says of further ones: some lists have no end.
      if (devices.size === before || !hasMore(list.meta, page, devices.size)) break
      if (page === maxPages) {
        throw new ApiError(`listing the project's machines: the list has no end (${maxPages} pages)`, {
          hint: 'check that --api-url is a Metal API',
        })
      }
    }
    const all = [...devices.values()]
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
  async listEvents(id: string, signal?: AbortSignal): Promise<DeviceEvent[]> {
    const call = {
      method: 'GET',
      path: `/devices/${id}/events?per_page=50`,
      doing: `listing the events of "${id}"`,
      signal,
    } as const
    return (await this.#read(call, eventListSchema)).events
  }

  async #read<S extends z.ZodType>(call: Call, schema: S): Promise<z.infer<S>> {
    return readAnswer(call, await this.#call(call), schema, this.#options)
  }

  /** Sends a call until it is answered, as far as it may be repeated. @throws ApiError or AuthenticationError for any answer but 2xx */
  async #call(call: Call): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call)
      const lost = outcome instanceof NoAnswerError
      const done = !lost && outcome.status >= 200 && outcome.status < 300
      // Half an answer is worth another try where that is safe; the last one is shown for what it is.
      const half = done && call.method !== 'POST' && !isWholeJson(outcome.text)
      if (done && !half) return outcome
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
        throw lost ? noAnswer(call, outcome, this.#options) : refusal(call, outcome, this.#options)
      const what = lost ? outcome.message : half ? 'the answer is not whole' : `the API answered ${outcome.status}`
      reportRetry(this.#options.report, `${call.doing}: ${what}`, attempt, delayMs)
      const { signal, lastTry } = call
      await this.clock.sleep(delayMs, AbortSignal.any([signal, lastTry].filter((one) => one !== undefined)))
    }
  }

  async #attempt({ method, path, body, signal }: Call): Promise<Answer | NoAnswerError> {
    const headers = {
      'x-auth-token': this.#options.token,
      accept: 'application/json',
      'user-agent': 'metalkit',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const outgoing = { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal }
    return await send(this.#dispatcher, this.apiUrl + path, outgoing, this.#options.report)
  }
}
