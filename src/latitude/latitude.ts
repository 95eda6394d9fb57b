// Latitude.sh as a Cloud.
import type { Clock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import { ApiCaller } from '../http/caller.ts'
import type {
  Choice,
  Cloud,
  CloudContext,
  ConsolePlace,
  ConsoleRequest,
  Creation,
  Finding,
  MachineEvent,
  MachineRecord,
  Order,
  Wish,
} from '../machine/cloud.ts'
import { hidePassword } from '../text/hide-password.ts'
import { LatitudeClient } from './client.ts'
import { keyOf, openConsole } from './console.ts'
import { createDialect } from './dialect.ts'
import { hostnameOf, isOfRun, markOf } from './mark.ts'
import { explainDelete, reinstall } from './refusal.ts'
import { Starts } from './starts.ts'
import { chooseOffer, explainStock, findProject, writePlace } from './stock.ts'

/** The values of the cloud's flags. */
export interface LatitudeOptions {
  apiUrl: string
  apiKey: string | undefined
  /** The id or slug of a project. */
  projectId?: string | undefined
}

const actions = { on: 'power_on', off: 'power_off', reboot: 'reboot' } as const
const lookMs = 2000
/** How long the state may take to show that a reinstall has begun. */
const beginMs = 30_000

/** Latitude.sh with one API key. */
class LatitudeCloud implements Cloud {
  readonly name = 'latitude'
  readonly scope = 'project'
  readonly marked = 'named'
  readonly whyForeign = 'its host name is not a mark of metalkit'
  /** How the API shows a server that is being deleted is not documented, so each is watched until it is gone. */
  readonly isDeletionWatched = true
  readonly isReuseErasing = true
  readonly #client: LatitudeClient
  readonly #options: LatitudeOptions
  readonly #context: CloudContext
  readonly #starts: Starts
  /** The consoles that were opened, by the ids of their machines. */
  readonly #consoles = new Map<string, ConsolePlace>()

  constructor(client: LatitudeClient, options: LatitudeOptions, context: CloudContext) {
    this.#client = client
    this.#options = options
    this.#context = context
    this.#starts = new Starts(client.caller.clock, context.report)
  }

  get clock(): Clock {
    return this.#client.caller.clock
  }

  get isTemporary(): boolean {
    return this.#client.caller.isTemporary
  }

  get isLab(): boolean {
    return this.#client.caller.isLab
  }

  nowMs(): number {
    return this.#client.caller.nowMs()
  }

  async readTime(signal: AbortSignal): Promise<number | undefined> {
    return await this.#client.readTime(signal)
  }

  markOf(runId: string): string {
    return markOf(runId)
  }

  async prepare(wish: Wish, signal: AbortSignal): Promise<Choice> {
    const { report } = this.#context
    const project = await this.#requireProject()
    await findProject(this.#client, project, signal)
    const { plan, place, doubt } = await chooseOffer(this.#client, wish, signal).catch(async (error: unknown) => {
      if (!(error instanceof ApiError)) throw error
      // The list only helps: the API checks the order itself.
      report.detail(`cannot check whether the plan is in stock: ${error.message}`)
      const { plan: wanted, place: site } = wish
      const named = { plan: await this.#context.require('machine', wanted), place: site && writePlace(site) }
      return { ...named, doubt: undefined }
    })
    const site = await this.#context.require('metro', place)
    report.detail(`machine: ${plan} at the site ${site}`)
    return { plan, place: site, doubt }
  }

  async check(part: string, signal: AbortSignal): Promise<Finding> {
    if (part === 'token') {
      await this.#client.listSites(signal)
      return { detail: `accepted by ${hidePassword(this.#options.apiUrl)}` }
    }
    const { id, attributes } = await findProject(this.#client, await this.#requireProject(), signal)
    return { detail: `${id}${attributes.name ? ` (${attributes.name})` : ''} is visible and on demand` }
  }

  async create({ order, mark, attempt, turnedAway, lastTry }: Creation): Promise<MachineRecord> {
    const hostname = hostnameOf(mark, attempt)
    const input = {
      project: await this.#requireProject(),
      plan: order.plan,
      site: order.place,
      operating_system: 'ipxe',
      hostname,
      ipxe: order.scriptUrl,
      persistent_netboot: order.alwaysPxe,
      billing: 'hourly',
    } as const
    this.#starts.note(hostname)
    return this.#starts.see(await this.#client.createServer(input, { lastTry, turnedAway }))
  }

  async explainRefusal(error: unknown, order: Order): Promise<unknown> {
    return await explainStock(this.#client, error, order)
  }

  async get(id: string, signal?: AbortSignal): Promise<MachineRecord> {
    return this.#starts.see(await this.#client.getServer(id, signal))
  }

  /** Compares names here: whether the API's filter matches parts of names is unknown. */
  async list(mark?: string, signal?: AbortSignal): Promise<MachineRecord[]> {
    const servers = await this.#client.listServers(this.#options.projectId, signal)
    const records = servers.map((server) => this.#starts.see(server))
    return records.filter(({ hostname, isOurs }) => isOurs && (mark === undefined || isOfRun(hostname, mark)))
  }

  async findListed(
    { id, projectId = this.#options.projectId }: Pick<MachineRecord, 'id' | 'projectId'>,
    signal?: AbortSignal,
  ): Promise<MachineRecord | undefined> {
    const server = (await this.#client.listServers(projectId, signal)).find((listed) => listed.id === id)
    return server === undefined ? undefined : this.#starts.see(server)
  }

  /** Keeps the machine's name, which may be a mark. */
  async boot(
    { id, hostname, state }: MachineRecord,
    { scriptUrl, alwaysPxe }: Pick<Order, 'scriptUrl' | 'alwaysPxe'>,
    signal: AbortSignal,
  ): Promise<MachineRecord> {
    const input = {
      operating_system: 'ipxe',
      ...(hostname === '' ? {} : { hostname }),
      ipxe: scriptUrl,
      persistent_netboot: alwaysPxe,
    } as const
    this.#context.report.info(`Reinstalling ${id}, which erases its disks...`)
    const doubt = await reinstall(this.#client, id, input, this.#context.report, signal)
    this.#starts.note(id)
    const machine = await this.#waitForStart(id, state, signal)
    if (doubt !== undefined && machine.state === state) throw doubt
    return machine
  }

  async power(id: string, action: 'on' | 'off' | 'reboot', signal: AbortSignal): Promise<void> {
    await this.#client.act(id, actions[action], signal)
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.deleteServer(id, signal)
    } catch (error) {
      throw await explainDelete(this.#client, error, id, signal)
    }
  }

  isGone(error: unknown): boolean {
    return error instanceof ApiError && error.status === 404
  }

  /** The API lists what users did, and nothing about a machine's progress. */
  async listEvents(): Promise<MachineEvent[]> {
    return []
  }

  async listKeys(signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
    return new Set((await this.#client.listSshKeys(await this.#requireProject(), signal)).map(keyOf))
  }

  /** Only the answer of a machine's console names its host. */
  consoleHosts(): undefined {
    return undefined
  }

  hasConsole({ phase }: MachineRecord): boolean {
    return !['going', 'gone', 'failed'].includes(phase)
  }

  async openConsole({ id, projectId }: MachineRecord, request: ConsoleRequest): Promise<ConsolePlace> {
    const place = await openConsole(this.#client, id, projectId ?? (await this.#requireProject()), request)
    this.#consoles.set(id, place)
    return place
  }

  consoleLogin({ id }: MachineRecord): Pick<ConsolePlace, 'address' | 'username'> | undefined {
    return this.#consoles.get(id)
  }

  /** The machine once its state shows that its deployment has begun, or after a while. */
  async #waitForStart(id: string, before: string, signal: AbortSignal): Promise<MachineRecord> {
    const endMs = this.clock.monotonicMs() + beginMs
    for (;;) {
      const server = await this.#client.getServer(id, signal)
      if (server.attributes.status !== before || this.clock.monotonicMs() > endMs) return this.#starts.see(server)
      await this.clock.sleep(lookMs, signal)
    }
  }

  async #requireProject(): Promise<string> {
    return await this.#context.require('projectId', this.#options.projectId)
  }
}

/** The cloud with the API key and the API URL of the flags. @throws UsageError without a key */
export async function open(options: LatitudeOptions, context: CloudContext): Promise<Cloud> {
  const { apiUrl } = options
  const { sources } = context
  const token = await context.require('apiKey', options.apiKey)
  const origin = { tokenFrom: sources?.get('apiKey'), apiUrlFrom: sources?.get('apiUrl') }
  const client = new LatitudeClient(new ApiCaller(createDialect({ apiUrl, token, ...origin }), context))
  return new LatitudeCloud(client, options, context)
}
