// Oracle Cloud as a Cloud.
import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../clock.ts'
import { MachineError, messageOf } from '../errors.ts'
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
import { createPrompter } from '../ssh/prompter.ts'
import { isMissing } from './calls.ts'
import { chooseCompartment, type Chosen, chooseSite, type Site } from './choices.ts'
import { OciClient } from './client.ts'
import { type Profile, readProfile } from './config-file.ts'
import { ConsoleOpener } from './console.ts'
import { sweepConsoles } from './console-removal.ts'
import { Histories } from './history.ts'
import { Launches } from './launches.ts'
import { chainedUrl, chainTo, markOf, type OciRecord, recordOf } from './record.ts'
import { runTag } from './schema.ts'

/** The values of the cloud's flags. */
export interface OciOptions extends Chosen {
  profile?: string | undefined
  compartment?: string | undefined
  configFile?: string | undefined
  /** The base URL of a stand-in for all APIs; undefined for the region's own. */
  apiUrl?: string | undefined
}

const actions = { on: 'START', off: 'STOP', reboot: 'RESET' } as const

/** Oracle Cloud with one profile. */
class OracleCloud implements Cloud {
  readonly name = 'oci'
  readonly scope = 'compartment'
  readonly marked = 'tagged'
  readonly whyForeign = `it has no freeform tag "${runTag}"`
  readonly isDeletionWatched = true
  readonly isReuseErasing = false
  readonly isCreateRepeatable = true
  readonly #client: OciClient
  readonly #profile: Profile
  readonly #options: OciOptions
  readonly #report: CloudContext['report']
  readonly #consoles: ConsoleOpener
  readonly #histories: Histories
  readonly #launches = new Launches()
  #site: Site | undefined
  #compartment: Promise<string> | undefined

  constructor(client: OciClient, profile: Profile, options: OciOptions, { report }: CloudContext) {
    this.#client = client
    this.#profile = profile
    this.#options = options
    this.#report = report
    const { clock } = client.caller
    this.#consoles = new ConsoleOpener({ client, clock, report })
    this.#histories = new Histories({ client, clock })
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

  get costNote(): string | undefined {
    return this.#site?.isBilledWhenStopped === true
      ? 'Oracle Cloud bills this shape while it is stopped too: only deleting it ends its cost.'
      : undefined
  }

  nowMs(): number {
    return this.#client.caller.nowMs()
  }

  async readTime(signal: AbortSignal): Promise<number | undefined> {
    await this.#client.listAvailabilityDomains(this.#profile.tenancy, signal)
    return this.nowMs()
  }

  markOf(runId: string): string {
    return markOf(runId)
  }

  async prepare(wish: Wish, signal: AbortSignal): Promise<Choice> {
    this.#site = await this.#choose(wish, signal)
    return { plan: this.#site.shape, place: this.#site.availabilityDomain }
  }

  async check(part: string, signal: AbortSignal): Promise<Finding> {
    if (part === 'profile') {
      await this.#client.listAvailabilityDomains(this.#profile.tenancy, signal)
      return { detail: `${this.#profile.name} is accepted by ${this.#client.apiUrl}` }
    }
    const compartment = await this.#findCompartment(signal)
    const { length } = await this.#client.listInstances(compartment, signal)
    return { detail: `${compartment} is visible and has ${length} machines` }
  }

  async create({ order, mark, turnedAway, lastTry }: Creation): Promise<MachineRecord> {
    const { isBilledWhenStopped: _, ...site } = this.#site ?? (await this.#choose(order, lastTry))
    const input = {
      ...site,
      displayName: order.hostname ?? mark,
      freeformTags: { [runTag]: mark },
      ipxeScript: chainTo(order.scriptUrl),
    }
    const { instance, workRequestId } = await this.#client.launch(input, mark, { lastTry, turnedAway })
    this.#launches.note(instance.id, workRequestId)
    return recordOf(instance)
  }

  async explainRefusal(error: unknown): Promise<unknown> {
    return error
  }

  async get(id: string, signal?: AbortSignal): Promise<OciRecord> {
    return this.#launches.see(recordOf(await this.#client.getInstance(id, signal)))
  }

  async list(mark?: string, signal?: AbortSignal): Promise<OciRecord[]> {
    const records = (await this.#client.listInstances(await this.#findCompartment(signal), signal)).map(recordOf)
    return records.filter((record) =>
      mark === undefined ? record.isOurs && record.phase !== 'gone' : record.mark === mark,
    )
  }

  async findListed(
    { id, projectId }: Pick<MachineRecord, 'id' | 'projectId'>,
    signal?: AbortSignal,
  ): Promise<OciRecord | undefined> {
    const instances = await this.#client.listInstances(projectId ?? (await this.#findCompartment(signal)), signal)
    return instances.map(recordOf).find((listed) => listed.id === id)
  }

  /** @throws MachineError if its script leads elsewhere: the API cannot change it */
  async boot(machine: OciRecord, { scriptUrl }: Pick<Order, 'scriptUrl'>, signal: AbortSignal): Promise<OciRecord> {
    const { id, phase, ipxeScript } = machine
    if (chainedUrl(ipxeScript) !== scriptUrl) {
      throw new MachineError(
        `the machine ${id} boots "${chainedUrl(ipxeScript)}" for its whole life, not "${scriptUrl}"`,
        {
          hint: 'Oracle Cloud cannot change the ipxeScript of an instance: serve the image under that URL, with the same --base-url and name, or rent another machine',
        },
      )
    }
    // What an earlier boot printed must match no pattern.
    await this.#histories.setAside(machine, signal)
    const isOff = phase === 'off'
    this.#report.info(isOff ? `${id} is off; starting it...` : `Resetting ${id}...`)
    await this.power(id, isOff ? 'on' : 'reboot', signal)
    return await this.get(id, signal)
  }

  async power(id: string, action: keyof typeof actions, signal: AbortSignal): Promise<void> {
    await this.#client.act(id, actions[action], randomUUID(), signal)
  }

  async delete(id: string, signal?: AbortSignal): Promise<void> {
    this.#launches.noteDeletion(id)
    await this.#client.terminate(id, signal)
    // A run that was killed has left its console connection; what a deleted machine keeps of these counts towards the limit.
    try {
      const { projectId } = await this.get(id, signal)
      const parts = { client: this.#client, report: this.#report }
      await sweepConsoles(parts, projectId, ({ instanceId }) => instanceId === id, signal)
    } catch (error) {
      signal?.throwIfAborted()
      this.#report.detail(`cannot look for console connections of ${id}: ${messageOf(error)}`)
    }
  }

  isGone(error: unknown): boolean {
    return isMissing(error)
  }

  /** Why the launch of a machine failed. */
  async listEvents(id: string, signal: AbortSignal): Promise<MachineEvent[]> {
    return await this.#launches.listErrors(this.#client, id, signal)
  }

  /** Any RSA key will do. */
  async listKeys(): Promise<undefined> {
    return undefined
  }

  consoleHosts(): undefined {
    return undefined
  }

  hasConsole({ phase }: MachineRecord): boolean {
    return phase !== 'going' && phase !== 'gone'
  }

  async openConsole(machine: OciRecord, request: ConsoleRequest): Promise<ConsolePlace> {
    return await this.#consoles.open(machine, request)
  }

  /** It takes a console connection and two hops. */
  consoleLogin(): undefined {
    return undefined
  }

  async readConsoleHistory(machine: OciRecord, signal: AbortSignal): Promise<string> {
    return await this.#histories.read(machine, signal)
  }

  async #findCompartment(signal?: AbortSignal): Promise<string> {
    this.#compartment ??= chooseCompartment(this.#client, this.#profile.tenancy, this.#options.compartment, signal)
    try {
      return await this.#compartment
    } catch (error) {
      this.#compartment = undefined
      throw error
    }
  }

  async #choose(wish: Wish, signal: AbortSignal): Promise<Site> {
    const { tenancy } = this.#profile
    const compartment = await this.#findCompartment(signal)
    return await chooseSite(this.#client, { tenancy, compartment }, wish, this.#options, this.#report, signal)
  }
}

/** The cloud with a profile of the config file. @throws UsageError that names what is wrong in it */
export async function open(options: OciOptions, context: CloudContext): Promise<Cloud> {
  const { env, report, clock = systemClock, sources } = context
  const profile = await readProfile({
    file: options.configFile,
    profile: options.profile,
    env,
    nowMs: clock.now(),
    prompter: createPrompter(context),
    report,
  })
  const client = new OciClient(profile, options.apiUrl, sources?.get('apiUrl'), { env, report, clock })
  return new OracleCloud(client, profile, options, context)
}
