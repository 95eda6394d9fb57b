// Create exactly once. A create whose answer is lost is never repeated blindly: the machine may exist and cost money.
import { UncertainError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { Cloud, MachineRecord, Order } from './cloud.ts'
import type { Ledger } from './ledger.ts'

/** Delays between lookups of the machine after a create whose answer was lost: the API may still be working on it. */
const lookDelaysMs = [0, 1000, 3000, 6000]
const maxCreates = 3
/** After this long without an answer, a line says what metalkit is waiting for. */
const quietMs = 10_000

interface CreateOptions {
  order: Order
  /** Records each create, and has the mark of all machines of this run. */
  ledger: Ledger
  report: Reporter
  signal: AbortSignal
}

/** A machine with the run's mark; undefined if there is none. @throws ApiError if the last lookup fails */
async function findByMark({ clock }: Cloud, ledger: Ledger): Promise<MachineRecord | undefined> {
  let failure: unknown
  for (const delayMs of lookDelaysMs) {
    await clock.sleep(delayMs)
    try {
      const machine = await ledger.find()
      if (machine !== undefined) return machine
      failure = undefined
    } catch (error) {
      failure = error
    }
  }
  if (failure !== undefined) throw failure
  return undefined
}

/** Sends a create, retries it after a 429 unless that one was carried out, and explains a long wait. */
async function sendCreate(
  cloud: Cloud,
  attempt: number,
  { order, ledger, report, signal }: CreateOptions,
): Promise<MachineRecord> {
  const turnedAway = {
    note: () => ledger.noteTurnedAway(),
    async wasDone() {
      const made = await ledger.find().catch(() => undefined)
      if (made !== undefined) ledger.noteActed()
      return made !== undefined
    },
  }
  const timer = setTimeout(
    () => report.info('Still waiting for the API to answer the create; it may take minutes...'),
    cloud.clock.toRealMs(quietMs),
  )
  try {
    return await cloud.create({ order, mark: ledger.mark, attempt, turnedAway, lastTry: signal })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Creates a machine. An interrupt does not cut off a create under way, because its answer would be lost; it only prevents
 * another one.
 * @throws ApiError if the API refuses, or if a machine may exist and looking for it failed; signal.reason
 */
export async function createOnce(cloud: Cloud, options: CreateOptions): Promise<MachineRecord> {
  const { ledger, report, signal } = options
  signal.throwIfAborted()
  for (let tries = 1; ; tries++) {
    const attempt = cloud.isCreateRepeatable ? 1 : tries
    try {
      const machine = await sendCreate(cloud, attempt, options)
      ledger.noteCreated(attempt, machine)
      return machine
    } catch (error) {
      if (!(error instanceof UncertainError)) throw error
      ledger.noteUncertain(attempt)
      report.info(`${error.message}; looking for a machine ${cloud.marked} ${ledger.mark}`)
      const machine = await findByMark(cloud, ledger)
      if (machine !== undefined) {
        report.info(`found it: ${machine.id}`)
        if (cloud.isCreateRepeatable) ledger.noteCreated(attempt, machine)
        return machine
      }
      signal.throwIfAborted()
      if (tries >= maxCreates) throw error
      report.info(`no such machine exists; creating again (attempt ${tries + 1} of ${maxCreates})`)
    }
  }
}
