// Equinix Metal as a Cloud, and any other service with its API.
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import { ApiError, ConsoleError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type {
  Choice,
  Cloud,
  CloudContext,
  ConsoleHosts,
  ConsolePlace,
  Creation,
  Finding,
  MachineEvent,
  Order,
  Wish,
} from '../machine/cloud.ts'
import { hidePassword } from '../text/hide-password.ts'
import { isGone } from './answer.ts'
import { MetalClient } from './client.ts'
import { facilitiesOfMetro } from './locations.ts'
import { chooseMetro } from './metro.ts'
import { attemptTags, type MetalRecord, machineTag, recordOf, runTagPrefix } from './record.ts'
import { sosHostOf } from './sos-host.ts'
import { withSuggestions } from './suggestion.ts'

/** The values of the cloud's flags. */
export interface MetalOptions {
  apiUrl: string
  apiKey: string | undefined
  projectId?: string | undefined
  zone?: string | undefined
  sos?: Address | undefined
}

/** What it uses of its surroundings. */
type Surroundings = Pick<CloudContext, 'env' | 'report' | 'clock' | 'sources' | 'require'>

const sosPort = 22
const actions = { on: 'power_on', off: 'power_off', reboot: 'reboot' } as const

/** Type and base64, without the comment. */
function keyOf(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(' ')
}

/** Equinix Metal with one token. */
class EquinixMetal implements Cloud {
  readonly name = 'equinixmetal'
  readonly scope = 'project'
  readonly marked = 'tagged'
  readonly whyForeign = `it has no tag "${machineTag}"`
  readonly isDeletionWatched = false
  readonly isReuseErasing = false
  readonly #client: MetalClient
  readonly #report: Reporter
  readonly #options: MetalOptions
  readonly #requireProject: () => Promise<string>

  constructor(client: MetalClient, options: MetalOptions, context: Surroundings) {
    this.#client = client
    this.#report = context.report
    this.#options = options
    this.#requireProject = () => context.require('projectId', options.projectId)
  }

  get clock(): Clock {
    return this.#client.clock
  }

  get isTemporary(): boolean {
    return this.#client.isTemporary
  }

  get isLab(): boolean {
    return this.#client.isLab
  }

  nowMs(): number {
    return this.#client.nowMs()
  }

  async readTime(signal: AbortSignal): Promise<number | undefined> {
    return await this.#client.readTime(signal)
  }

  markOf(runId: string): string {
    return `${runTagPrefix}${runId}`
  }

  async prepare({ plan, place }: Wish): Promise<Choice> {
    await this.#requireProject()
    return { plan: plan ?? 'baremetal_0', place: chooseMetro({ zone: this.#options.zone, metro: place }) }
  }

  async check(part: string, signal: AbortSignal): Promise<Finding> {
    if (part === 'token') {
      await this.#client.listMetros(signal)
      return { detail: `accepted by ${hidePassword(this.#options.apiUrl)}` }
    }
    const id = await this.#requireProject()
    const { name } = await this.#client.getProject(id, signal)
    return { detail: `${id}${name ? ` (${name})` : ''} is visible` }
  }

  async create({ order, mark, attempt, turnedAway, lastTry }: Creation): Promise<MetalRecord> {
    const input = {
      hostname: order.hostname ?? '',
      ipxe_script_url: order.scriptUrl,
      always_pxe: order.alwaysPxe,
      plan: order.plan,
      metro: order.place,
      ...(order.until === undefined ? {} : { termination_time: order.until }),
      operating_system: 'custom_ipxe',
      billing_cycle: 'hourly' as const,
      tags: [machineTag, mark, ...attemptTags(attempt)],
    }
    return recordOf(await this.#client.createDevice(await this.#requireProject(), input, lastTry, turnedAway))
  }

  async explainRefusal(error: unknown, { plan, place }: Order): Promise<unknown> {
    const { projectId } = this.#options
    return projectId === undefined
      ? error
      : await withSuggestions(this.#client, error, { projectId, plan, metro: place })
  }

  async get(id: string, signal?: AbortSignal): Promise<MetalRecord> {
    return recordOf(await this.#client.getDevice(id, signal))
  }

  async list(mark: string = machineTag, signal?: AbortSignal): Promise<MetalRecord[]> {
    const devices = await this.#client.listDevices(await this.#requireProject(), mark, signal)
    return devices.map(recordOf)
  }

  async findListed(
    { id, projectId = this.#options.projectId }: Pick<MetalRecord, 'id' | 'projectId'>,
    signal?: AbortSignal,
  ): Promise<MetalRecord | undefined> {
    if (projectId === undefined) return undefined
    const devices = await this.#client.listDevices(projectId, undefined, signal)
    const device = devices.find((listed) => listed.id === id)
    return device === undefined ? undefined : recordOf(device)
  }

  /** Keeps the machine's tags and lock. */
  async boot(
    { id, phase, tags, isLocked }: MetalRecord,
    { hostname = '', scriptUrl, alwaysPxe }: Pick<Order, 'hostname' | 'scriptUrl' | 'alwaysPxe'>,
    signal: AbortSignal,
  ): Promise<MetalRecord> {
    const input = { hostname, ipxe_script_url: scriptUrl, always_pxe: alwaysPxe, tags: [...tags], locked: isLocked }
    const updated = await this.#client.updateDevice(id, input, signal)
    const isOff = phase === 'off'
    this.#report.info(isOff ? `${id} is off; powering it on...` : `Rebooting ${id}...`)
    await this.power(id, isOff ? 'on' : 'reboot', signal)
    return recordOf(updated)
  }

  async power(id: string, action: 'on' | 'off' | 'reboot', signal: AbortSignal): Promise<void> {
    await this.#client.act(id, actions[action], signal)
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    await this.#client.deleteDevice(id, signal)
  }

  isGone(error: unknown): boolean {
    return isGone(error)
  }

  async listEvents(id: string, signal: AbortSignal): Promise<MachineEvent[]> {
    const events = await this.#client.listEvents(id, signal)
    return events.map((event) => ({ id: event.id ?? '', type: event.type ?? '', body: event.body ?? '' }))
  }

  /** The project's keys and the user's, as a machine of the project gets them. */
  async listKeys(signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
    try {
      const [keys, own] = await Promise.all([
        this.#client.listSshKeys(await this.#requireProject(), signal),
        // A project token has no user, and so no user keys.
        this.#client.listOwnSshKeys(signal).catch((error: unknown) => {
          if (error instanceof ApiError) return []
          throw error
        }),
      ])
      return new Set([...keys, ...own].map(({ key }) => keyOf(key)))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.#report.detail(`cannot check whether the project has one of your SSH keys: ${error.message}`)
      return undefined
    }
  }

  /** The machine's facility is not known yet, so without --sos every SOS host of the metro is a candidate. */
  consoleHosts(place: string): ConsoleHosts {
    const { sos } = this.#options
    const addresses =
      sos === undefined ? facilitiesOfMetro(place).map((code) => ({ host: sosHostOf(code), port: sosPort })) : [sos]
    return { addresses, isCertain: sos !== undefined, kind: 'SOS host', area: 'metro' }
  }

  hasConsole(machine: MetalRecord): boolean {
    return this.consoleLogin(machine) !== undefined
  }

  async openConsole(machine: MetalRecord): Promise<ConsolePlace> {
    const login = this.consoleLogin(machine)
    if (login === undefined) {
      throw new ConsoleError(`the API names no console for the machine ${machine.id}`, {
        hint: 'name its SOS host with --sos',
      })
    }
    return { ...login, async [Symbol.asyncDispose]() {} }
  }

  consoleLogin({ id, sosHost }: MetalRecord): { address: Address; username: string } | undefined {
    const address = this.#options.sos ?? (sosHost === undefined ? undefined : { host: sosHost, port: sosPort })
    return address === undefined ? undefined : { address, username: id }
  }
}

/** The cloud with the token and the API URL of the flags. @throws UsageError without a token */
export async function open(options: MetalOptions, context: Surroundings): Promise<Cloud> {
  const { env, report, clock, sources } = context
  const token = await context.require('apiKey', options.apiKey)
  const origin = { tokenFrom: sources?.get('apiKey'), apiUrlFrom: sources?.get('apiUrl') }
  return new EquinixMetal(
    new MetalClient({ apiUrl: options.apiUrl, token, ...origin, env, report, clock }),
    options,
    context,
  )
}
