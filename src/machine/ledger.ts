// The ledger of a run: how many machines it requested, and which have its mark. A machine that was requested and never seen may
// still appear, so metalkit looks for it until the run ends and for a grace period afterwards.
import { MachineLeftError, MetalkitError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { Cloud, MachineRecord } from './cloud.ts'
import { andCost, deleteUntilGone, isGoing } from './delete.ts'

/** Creates without a clear answer have produced a machine up to four minutes later. */
const graceMs = 5 * 60_000
/**
 * A create carried out twice shows its second machine within this time. It counts from the create, and provisioning takes
 * minutes, so a run seldom waits for it.
 */
const secondGraceMs = 2 * 60_000
/**
 * A create answered with 429 but carried out usually shows its machine within this time. Later ones are not waited for, and the
 * user gets the mark, unless the API has carried out another one.
 */
const turnedAwayGraceMs = 30_000
/** After this long without a machine, a create counts as not carried out. */
const hopeMs = 15 * 60_000
const lookMs = 5000
/** Tries to list the run's machines if every create was answered. */
const maxLooks = 3

interface LedgerOptions {
  cloud: Cloud
  /** The mark of every machine of this run, and of no other. */
  mark: string
  /** The command that deletes them. */
  rm: string
  report: Reporter
}

/** How to give back a run's machines. */
interface SettleOptions {
  /** The machine to keep, if any. */
  keptId?: string | undefined
  /** Aborted if the user will not wait. */
  forced: AbortSignal
}

/**
 * Records a run's creates, and gives back every machine that they produced. Machines of different creates are told apart, because
 * a create that was carried out twice does not account for one whose machine is still to come.
 */
export class Ledger {
  readonly mark: string
  readonly #options: LedgerOptions
  /** Which create was answered with a machine. */
  readonly #answers = new Map<string, number>()
  /** The creates that have produced a listed machine. */
  readonly #seen = new Set<number>()
  /** When each create without a clear answer ended. */
  readonly #uncertainMs = new Map<number, number>()
  /** When each create was answered with 429. */
  readonly #turnedAwayMs: number[] = []
  /** How many creates are uncertain because a 429 was carried out. */
  #acted = 0
  /** The machines that were listed and not the answer to a create. */
  readonly #unanswered = new Set<string>()
  /** The machines of the latest successful look that were not being deleted. */
  #standing: readonly MachineRecord[] = []
  /** When the last successful look began. */
  #lastLookMs = Number.NEGATIVE_INFINITY

  constructor(options: LedgerOptions) {
    this.#options = options
    this.mark = options.mark
  }

  /** A create was answered with a machine. */
  noteCreated(attempt: number, { id }: MachineRecord): void {
    this.#answers.set(id, attempt)
    // Only a create that cannot make a second machine is repeated under its number.
    this.#uncertainMs.delete(attempt)
  }

  /**
   * Records the existing machines before they are deleted, if a create got no clear answer. Only listed machines count: the
   * id in an answer may differ from the machine's.
   */
  async takeStock(signal: AbortSignal): Promise<void> {
    if (this.#uncertainMs.size === 0 && this.#turnedAwayMs.length === 0) return
    await this.look(signal).catch(() => [])
  }

  /** A create got no clear answer: its machine may exist now or later. */
  noteUncertain(attempt: number): void {
    this.#uncertainMs.set(attempt, this.#options.cloud.clock.monotonicMs())
  }

  /** A create was answered with 429, and usually not carried out. */
  noteTurnedAway(): void {
    this.#turnedAwayMs.push(this.#options.cloud.clock.monotonicMs())
  }

  /** A create that was answered with 429 was carried out: it is noted as uncertain too. */
  noteActed(): void {
    this.#acted++
  }

  /** The machines with the run's mark, except those being deleted. @throws ApiError */
  async look(signal?: AbortSignal): Promise<MachineRecord[]> {
    this.#standing = (await this.#list(signal)).filter((machine) => !isGoing(machine))
    return [...this.#standing]
  }

  /** A machine of a create without a clear answer; one that has ended already if creating again cannot make another. */
  async find(): Promise<MachineRecord | undefined> {
    const machines = await this.#list()
    const standing = machines.find((machine) => !isGoing(machine))
    return standing ?? (this.#options.cloud.isCreateRepeatable ? machines[0] : undefined)
  }

  /** All machines with the run's mark. */
  async #list(signal?: AbortSignal): Promise<MachineRecord[]> {
    const { cloud } = this.#options
    const beganMs = cloud.clock.monotonicMs()
    const machines = await cloud.list(this.mark, signal)
    this.#lastLookMs = beganMs
    for (const machine of machines) {
      this.#seen.add(this.#attemptOf(machine))
      if (!this.#answers.has(machine.id)) this.#unanswered.add(machine.id)
    }
    return machines
  }

  /**
   * Deletes every machine with the run's mark, and waits for machines that a create without a clear answer may still produce.
   * @throws MachineLeftError naming the machines, or the mark while a create is unaccounted for
   */
  async settle({ keptId, forced }: SettleOptions): Promise<void> {
    const { report, cloud } = this.#options
    const { clock } = cloud
    let failure: MetalkitError | undefined
    const errors: unknown[] = []
    const left = new Set<string>()
    const deleted = new Set<string>()
    let isCutShort = false
    try {
      for (let looks = 1; ; looks++) {
        failure = undefined
        // Deleting takes minutes, in which the machine of another create may have appeared.
        let isOutdated = false
        try {
          await this.look(forced)
        } catch (error) {
          if (!(error instanceof MetalkitError)) throw error
          failure = error
        }
        // If this look fails, the machines of an earlier one are known.
        for (const { id } of this.#standing) {
          if (id === keptId || left.has(id) || (failure !== undefined && deleted.has(id))) continue
          isOutdated = this.#uncertainMs.size > 0
          try {
            await this.#giveBack(id, forced)
            deleted.add(id)
          } catch (error) {
            left.add(id)
            errors.push(error)
          }
        }
        const isRetried = failure !== undefined && this.#uncertainMs.size === 0 && looks < maxLooks
        if (cloud.isTemporary || (!isRetried && !isOutdated && this.#remainingMs <= 0)) break
        if (looks === 1 && !isRetried && this.#remainingMs > 0) {
          report.info(
            `A create got no clear answer; looking for a machine ${cloud.marked} ${this.mark} for another ${Math.ceil(this.#remainingMs / 1000)} s...`,
          )
        }
        await clock.sleep(lookMs, forced)
      }
    } catch (error) {
      if (!forced.aborted) throw error
      isCutShort = true
    }
    if (this.#isLost(failure, isCutShort)) errors.push(this.#unaccounted(failure))
    else if (this.#mayActLate()) {
      report.warn(
        `the API answered a create with 429, and may still carry it out; should a machine ${cloud.marked} "${this.mark}" appear, delete it with: ${this.#options.rm}`,
      )
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors)
  }

  /** The create that produced a machine. */
  #attemptOf({ id, attempt }: MachineRecord): number {
    return this.#answers.get(id) ?? attempt ?? 1
  }

  /** How much longer to look for machines; 0 or less when over. */
  get #remainingMs(): number {
    const nowMs = this.#options.cloud.clock.monotonicMs()
    const ends = [...this.#uncertainMs].map(([attempt, ms]) => ms + (this.#seen.has(attempt) ? secondGraceMs : graceMs))
    if (this.#lastTurnedAwayMs !== undefined && !this.#isSettled) {
      ends.push(this.#lastTurnedAwayMs + (this.#isActing ? graceMs : turnedAwayGraceMs))
    }
    return Math.max(0, ...ends.map((endMs) => endMs - nowMs))
  }

  #isLost(failure: MetalkitError | undefined, isCutShort: boolean): boolean {
    const { cloud } = this.#options
    if (cloud.isTemporary) return false
    if ((failure !== undefined || isCutShort) && !this.#isTurnedAwayLooked()) return true
    if (failure !== undefined) return this.#uncertainMs.size > 0
    const sinceMs = cloud.clock.monotonicMs() - hopeMs
    if (this.#isActing && (this.#lastTurnedAwayMs ?? 0) > sinceMs) return true
    return [...this.#uncertainMs].some(([attempt, ms]) => !this.#seen.has(attempt) && ms > sinceMs)
  }

  get #lastTurnedAwayMs(): number | undefined {
    return this.#turnedAwayMs.at(-1)
  }

  /** Whether the only machine that the creates can make is known: repeating them makes no other. */
  get #isSettled(): boolean {
    return this.#options.cloud.isCreateRepeatable === true && this.#seen.size + this.#answers.size > 0
  }

  /** Whether the API has carried out some of the creates that it answered with 429, and others are unaccounted for. */
  get #isActing(): boolean {
    if (this.#isSettled) return false
    const acted = this.#unanswered.size - Math.max(0, this.#uncertainMs.size - this.#acted)
    return acted > 0 && acted < this.#turnedAwayMs.length
  }

  /** Whether a look has succeeded since the machine of a create answered with 429 should have appeared. */
  #isTurnedAwayLooked(): boolean {
    if (this.#isSettled || this.#lastTurnedAwayMs === undefined) return true
    return this.#lastLookMs >= this.#lastTurnedAwayMs + turnedAwayGraceMs
  }

  /** Whether the end comes too soon after a 429 to rule out its machine. */
  #mayActLate(): boolean {
    const { cloud } = this.#options
    if (cloud.isTemporary || this.#isSettled || this.#lastTurnedAwayMs === undefined) return false
    return cloud.clock.monotonicMs() < this.#lastTurnedAwayMs + graceMs
  }

  async #giveBack(id: string, forced: AbortSignal): Promise<void> {
    const { cloud, report } = this.#options
    report.info(`Deleting the machine ${id}, which this run also created...`)
    await deleteUntilGone(cloud, { id, projectId: undefined }, report, forced)
    report.event('machine-deleted', { id })
  }

  #unaccounted(failure: MetalkitError | undefined): MachineLeftError {
    const { cloud, rm } = this.#options
    const why =
      failure === undefined ? 'no machine has appeared for it yet' : `looking for it failed: ${failure.message}`
    return new MachineLeftError(
      `a create of a machine ${cloud.marked} "${this.mark}" got no clear answer, and ${why}: it MAY STILL APPEAR${andCost(cloud)}`,
      { hint: `delete it with: ${rm}` },
    )
  }
}
