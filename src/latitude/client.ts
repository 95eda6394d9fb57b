// The Latitude.sh API: each call returns its result, or throws an error written for the user.
import type { z } from 'zod/mini'
import { ApiError } from '../errors.ts'
import type { Call } from '../http/answer.ts'
import type { ApiCaller } from '../http/caller.ts'
import type { Creation } from '../machine/cloud.ts'
import { isRefusal } from './dialect.ts'
import {
  singleSchema,
  type OutOfBand,
  outOfBandSchema,
  pageSchema,
  type Plan,
  planSchema,
  type Project,
  projectSchema,
  regionSchema,
  type ReinstallInput,
  type LatitudeServer,
  type ServerAction,
  type ServerCreateInput,
  serverSchema,
  type SshKey,
  sshKeySchema,
} from './schema.ts'

/** A create is not repeated if its answer is late, so the answer may take as long as any cloud's has. */
const createTimeoutMs = 5 * 60_000
const pageSize = 100
/** At a hundred objects a page, more than any team has. */
const maxPages = 1000

/** What a request asks for, besides a page. */
type List = Pick<Call, 'path' | 'doing' | 'signal'> & { query?: Record<string, string> }

/** A JSON:API body. */
function bodyOf(type: string, attributes: object) {
  return { data: { type, attributes } }
}

function pathOf(id: string, rest = ''): string {
  return `/servers/${encodeURIComponent(id)}${rest}`
}

/** The calls of the API that metalkit uses. */
export class LatitudeClient {
  readonly caller: ApiCaller

  constructor(caller: ApiCaller) {
    this.caller = caller
  }

  /** The API's own time, in ms since 1970; undefined if its answers have none. */
  async readTime(signal?: AbortSignal): Promise<number | undefined> {
    return await this.caller.readTime({ method: 'GET', path: '/regions', doing: 'asking for the time', signal })
  }

  async listProjects(signal?: AbortSignal): Promise<Project[]> {
    return await this.#readPages({ path: '/projects', doing: 'listing the projects', signal }, projectSchema)
  }

  /** All plans; the API does not divide them into pages. */
  async listPlans(signal?: AbortSignal): Promise<Plan[]> {
    const call = { method: 'GET', path: '/plans', doing: 'listing the plans', signal } as const
    return (await this.caller.read(call, pageSchema(planSchema))).data
  }

  /** The slugs of all sites. */
  async listSites(signal?: AbortSignal): Promise<string[]> {
    const regions = await this.#readPages({ path: '/regions', doing: 'listing the sites', signal }, regionSchema)
    return regions.map(({ attributes: { slug } }) => slug)
  }

  async listSshKeys(project: string, signal?: AbortSignal): Promise<SshKey[]> {
    const query = { 'filter[project]': project }
    return await this.#readPages(
      { path: '/ssh_keys', query, doing: "listing the project's SSH keys", signal },
      sshKeySchema,
    )
  }

  /** The servers of a project, by its id or slug, or else of the team. */
  async listServers(project: string | undefined, signal?: AbortSignal): Promise<LatitudeServer[]> {
    const query: Record<string, string> = project === undefined ? {} : { 'filter[project]': project }
    return await this.#readPages({ path: '/servers', query, doing: 'listing the machines', signal }, serverSchema)
  }

  /** @throws UncertainError if the server may or may not exist; lastTry.reason if it does not */
  async createServer(
    input: ServerCreateInput,
    { lastTry, turnedAway }: Pick<Creation, 'lastTry' | 'turnedAway'>,
  ): Promise<LatitudeServer> {
    const call = { method: 'POST', path: '/servers', doing: 'creating a machine', lastTry, turnedAway } as const
    const body = bodyOf('servers', input)
    const { data } = await this.caller.read(
      { ...call, body, answerTimeoutMs: createTimeoutMs },
      singleSchema(serverSchema),
    )
    return data
  }

  async getServer(id: string, signal?: AbortSignal): Promise<LatitudeServer> {
    const call = { method: 'GET', path: pathOf(id), doing: `looking up the machine "${id}"`, signal } as const
    return (await this.caller.read(call, singleSchema(serverSchema))).data
  }

  /** Erases the disks. @throws UncertainError if it may or may not be under way */
  async reinstall(id: string, input: ReinstallInput, signal: AbortSignal): Promise<void> {
    const doing = `reinstalling the machine "${id}"`
    await this.caller.call({
      method: 'POST',
      path: pathOf(id, '/reinstall'),
      doing,
      body: bodyOf('reinstalls', input),
      signal,
    })
  }

  async act(id: string, action: ServerAction, signal: AbortSignal): Promise<void> {
    const doing = `the action ${action} on the machine "${id}"`
    await this.caller.call({
      method: 'POST',
      path: pathOf(id, '/actions'),
      doing,
      body: bodyOf('actions', { action }),
      signal,
    })
  }

  async deleteServer(id: string, signal?: AbortSignal): Promise<void> {
    const doing = `deleting the machine "${id}"`
    const { status, text } = await this.caller.call({ method: 'DELETE', path: pathOf(id), doing, signal })
    // The specification of a refusal names 422 in the body only.
    if (isRefusal(text))
      throw new ApiError(`${doing}: the API refused it in an answer of ${status}`, { layer: 'latitude', status })
  }

  /** Makes the console of a server accept a key. */
  async openOutOfBand(id: string, keyId: string, signal: AbortSignal): Promise<OutOfBand> {
    const body = bodyOf('out_of_band', { ssh_key_id: keyId })
    return await this.#outOfBand({
      method: 'POST',
      path: pathOf(id, '/out_of_band_connection'),
      body,
      doing: `opening the console of "${id}"`,
      signal,
    })
  }

  /** The console that was opened last. @throws ApiError (404) if none was */
  async getOutOfBand(id: string, signal: AbortSignal): Promise<OutOfBand> {
    return await this.#outOfBand({
      method: 'GET',
      path: pathOf(id, '/out_of_band_connection'),
      doing: `looking up the console of "${id}"`,
      signal,
    })
  }

  async #outOfBand(call: Call): Promise<OutOfBand> {
    return (await this.caller.read(call, outOfBandSchema)).data.attributes
  }

  /** All objects of a list, each once. @throws ApiError if the list never ends */
  async #readPages<S extends z.ZodMiniType<{ id: string }>>(
    { path, query, doing, signal }: List,
    item: S,
  ): Promise<z.infer<S>[]> {
    const objects = new Map<string, z.infer<S>>()
    for (let page = 1; page <= maxPages; page++) {
      const words = new URLSearchParams({
        ...query,
        'page[size]': String(pageSize),
        'page[number]': String(page),
        'stats[total]': 'count',
      })
      const list = await this.caller.read(
        { method: 'GET', path: `${path}?${words.toString()}`, doing, signal },
        pageSchema(item),
      )
      const before = objects.size
      for (const object of list.data as z.infer<S>[]) objects.set(object.id, object)
      // The API may send fewer objects a page than asked for, so a short page is not the end.
      const total = list.meta?.stats?.total?.count
      if (objects.size === before || (typeof total === 'number' && objects.size >= total)) return [...objects.values()]
    }
    throw new ApiError(`${doing}: the list has no end (${maxPages} pages)`, {
      layer: 'latitude',
      hint: 'check that --api-url is an API of Latitude.sh',
    })
  }
}
