// The ledger of a run: how many machines it asked for, and which bear its tag. What was asked for and never seen may still come,
// so that it is looked for until the run's end and for a grace after it.
import { MachineLeftError, MetalkitError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { MetalClient } from './client.ts'
import { deleteUntilGone, isGoing } from './delete.ts'
import type { Device } from './schema.ts'

/** A create that got no clear answer was seen to come through up to four minutes later. */
const graceMs = 5 * 60_000
/**
 * A create that was carried out twice shows its second machine within this time. It is counted from the create, and a machine
 * takes minutes to provision, so a run seldom waits for it.
 */
const secondGraceMs = 2 * 60_000
/** A create that was answered 429 and carried out was seen within half a minute. */
const turnedAwayGraceMs = 30_000
/** After so long without a machine a create is taken for one that was not carried out. */
const hopeMs = 15 * 60_000
const lookMs = 5000
/** How often the run's machines are looked for if that fails and every create was answered. */
const maxLooks = 3

interface LedgerOptions {
  client: MetalClient
  projectId: string
  /** One of the tags of every machine of this run, and of no other. */
  tag: string
  report: Reporter
}

/** How the machines of a run are given back. */
interface SettleOptions {
  /** The machine that is to stay, if any. */
  keptId?: string | undefined
  /** Aborted when the user will not wait. */
  forced: AbortSignal
}

/** Takes note of a run's creates, and gives back every machine that came of them. */
export class Ledger {
  readonly tag: string
  readonly #options: LedgerOptions
  readonly #seen = new Set<string>()
  #creates = 0
  #lastUncertainMs: number | undefined
  #lastTurnedAwayMs: number | undefined

  constructor(options: LedgerOptions) {
    this.#options = options
    this.tag = options.tag
  }

  /** A create was answered with a machine. */
  noteCreated(): void {
    this.#creates++
  }

  /**
   * Takes note of the machines there are, before they are deleted, if a create got no clear answer. Only what a list shows
   * counts: the id of an answer may be another than the machine's.
   */
  async takeStock(signal: AbortSignal): Promise<void> {
    if (this.#lastUncertainMs === undefined && this.#lastTurnedAwayMs === undefined) return
    await this.look(signal).catch(() => [])
  }

  /** A create got no clear answer: there may be a machine of it, now or later. */
  noteUncertain(): void {
    this.#creates++
    this.#lastUncertainMs = this.#options.client.clock.monotonicMs()
  }

  /** A create was turned away (429), which is mostly true. */
  noteTurnedAway(): void {
    this.#lastTurnedAwayMs = this.#options.client.clock.monotonicMs()
  }

  /** The machines with the run's tag, but for those that are going. @throws ApiError */
  async look(signal?: AbortSignal): Promise<Device[]> {
    const { client, projectId } = this.#options
    const devices = await client.listDevices(projectId, this.tag, signal)
    for (const { id } of devices) this.#seen.add(id)
    return devices.filter((device) => !isGoing(device))
  }

  /**
   * Deletes every machine with the run's tag, and waits for those that may still come of a create without a clear answer.
   * @throws MachineLeftError naming the machines, or the tag while a create is unaccounted for
   */
  async settle({ keptId, forced }: SettleOptions): Promise<void> {
    const { report, client } = this.#options
    const { clock } = client
    let failure: MetalkitError | undefined
    const errors: unknown[] = []
    const left = new Set<string>()
    try {
      for (let looks = 1; ; looks++) {
        failure = undefined
        try {
          for (const { id } of await this.look(forced)) {
            if (id === keptId || left.has(id)) continue
            await this.#giveBack(id, forced).catch((error: unknown) => {
              left.add(id)
              errors.push(error)
            })
          }
        } catch (error) {
          if (!(error instanceof MetalkitError)) throw error
          failure = error
        }
        const isRetried = failure !== undefined && this.#lastUncertainMs === undefined && looks < maxLooks
        if (client.isTemporary || (!isRetried && this.#remainingMs <= 0)) break
        if (looks === 1 && !isRetried) {
          report.info(
            `A create got no clear answer; looking for machines of it for ${Math.ceil(this.#remainingMs / 1000)} s more...`,
          )
        }
        await clock.sleep(lookMs, forced)
      }
    } catch (error) {
      if (!forced.aborted) throw error
    }
    if (this.#isLost(failure)) errors.push(this.#unaccounted(failure))
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors)
  }

  /** How long machines are still looked for; not above 0 when it is over. */
  get #remainingMs(): number {
    const nowMs = this.#options.client.clock.monotonicMs()
    const remaining = (sinceMs: number | undefined, ms: number) => (sinceMs === undefined ? 0 : sinceMs + ms - nowMs)
    return Math.max(
      remaining(this.#lastUncertainMs, this.#isUnaccounted ? graceMs : secondGraceMs),
      remaining(this.#lastTurnedAwayMs, turnedAwayGraceMs),
    )
  }

  get #isUnaccounted(): boolean {
    return this.#lastUncertainMs !== undefined && this.#creates > this.#seen.size
  }

  #isLost(failure: MetalkitError | undefined): boolean {
    const { client } = this.#options
    if (client.isTemporary || this.#lastUncertainMs === undefined) return false
    if (failure !== undefined) return true
    return this.#isUnaccounted && client.clock.monotonicMs() - this.#lastUncertainMs < hopeMs
  }

  async #giveBack(id: string, forced: AbortSignal): Promise<void> {
    const { client, projectId, report } = this.#options
    report.info(`Deleting the machine ${id}, which this run made too...`)
    await deleteUntilGone(client, { id, projectId }, report, forced)
    report.info(`The machine ${id} is deleted.`)
    report.event('machine-deleted', { id })
  }

  #unaccounted(failure: MetalkitError | undefined): MachineLeftError {
    const why =
      failure === undefined ? 'no machine has appeared for it yet' : `looking for it failed: ${failure.message}`
    return new MachineLeftError(
      `a create of a machine tagged "${this.tag}" got no clear answer, and ${why}: it MAY STILL COME AND COST MONEY`,
      { hint: `delete it with: metalkit rm ${this.tag}` },
    )
  }
}
