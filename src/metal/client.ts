// The Metal API: each call returns its result, or throws an error written for the user.
import type { Clock } from '../clock.ts'
import type { Call } from '../http/answer.ts'
import { ApiCaller, type CallerContext } from '../http/caller.ts'
import { metalDialect, type Origin } from './answer.ts'
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
  metroListSchema,
  planListSchema,
  projectSchema,
  sshKeyListSchema,
} from './schema.ts'

/** How to reach the API, and as whom. */
export type ClientOptions = Origin & CallerContext & { token: string }

/** The API has taken four minutes to answer a create; giving up sooner would create a second machine. */
const createTimeoutMs = 5 * 60_000

/** A client of one API with one token. */
export class MetalClient {
  readonly apiUrl: string
  readonly #caller: ApiCaller

  constructor({ apiUrl, apiUrlFrom, token, tokenFrom, ...context }: ClientOptions) {
    this.apiUrl = apiUrl
    this.#caller = new ApiCaller(metalDialect({ apiUrl, apiUrlFrom, tokenFrom }, token), context)
  }

  get clock(): Clock {
    return this.#caller.clock
  }

  get isTemporary(): boolean {
    return this.#caller.isTemporary
  }

  get isLab(): boolean {
    return this.#caller.isLab
  }

  nowMs(): number {
    return this.#caller.nowMs()
  }

  async getProject(id: string, signal?: AbortSignal) {
    return this.#caller.read(
      { method: 'GET', path: `/projects/${id}`, doing: `looking up the project "${id}"`, signal },
      projectSchema,
    )
  }

  async listPlans(projectId: string, signal?: AbortSignal) {
    const { plans } = await this.#caller.read(
      { method: 'GET', path: `/projects/${projectId}/plans`, doing: 'listing plans', signal },
      planListSchema,
    )
    return plans
  }

  async listMetros(signal?: AbortSignal) {
    const { metros } = await this.#caller.read(
      { method: 'GET', path: '/locations/metros', doing: 'listing metros', signal },
      metroListSchema,
    )
    return metros
  }

  /** The API's own time, asked for now; undefined without a Date header. */
  async readTime(signal?: AbortSignal): Promise<number | undefined> {
    return await this.#caller.readTime({
      method: 'GET',
      path: '/locations/metros',
      doing: 'asking for the time',
      signal,
    })
  }

  async listSshKeys(projectId: string, signal?: AbortSignal) {
    const { ssh_keys: keys } = await this.#caller.read(
      { method: 'GET', path: `/projects/${projectId}/ssh-keys`, doing: "listing the project's SSH keys", signal },
      sshKeyListSchema,
    )
    return keys
  }

  /** The SSH keys of the token's user. @throws ApiError for a project token, which has no user */
  async listOwnSshKeys(signal?: AbortSignal) {
    const { ssh_keys: keys } = await this.#caller.read(
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
    return this.#caller.read({ ...call, answerTimeoutMs: createTimeoutMs }, deviceSchema)
  }

  async getDevice(id: string, signal?: AbortSignal): Promise<Device> {
    return this.#caller.read(
      { method: 'GET', path: `/devices/${id}`, doing: `looking up the machine "${id}"`, signal },
      deviceSchema,
    )
  }

  /** All devices of a project, or those with a tag, from every page. */
  async listDevices(projectId: string, tag: string | undefined, signal?: AbortSignal): Promise<Device[]> {
    const all = await readPages(async (page) => {
      const query = new URLSearchParams({ ...(tag === undefined ? {} : { tag }), page: String(page), per_page: '100' })
      const path = `/projects/${projectId}/devices?${query.toString()}`
      return await this.#caller.read(
        { method: 'GET', path, doing: "listing the project's machines", signal },
        deviceListSchema,
      )
    })
    return tag === undefined ? all : all.filter((device) => device.tags?.includes(tag))
  }

  async updateDevice(id: string, input: DeviceUpdateInput, signal?: AbortSignal): Promise<Device> {
    return this.#caller.read(
      { method: 'PUT', path: `/devices/${id}`, doing: `updating the machine "${id}"`, body: input, signal },
      deviceSchema,
    )
  }

  async deleteDevice(id: string, signal?: AbortSignal): Promise<void> {
    await this.#caller.call({ method: 'DELETE', path: `/devices/${id}`, doing: `deleting the machine "${id}"`, signal })
  }

  async act(id: string, type: DeviceAction, signal?: AbortSignal): Promise<void> {
    await this.#caller.call({
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
    return (await this.#caller.read(call, eventListSchema)).events
  }
}
