// A Machine costs money from creation to deletion, so it is a resource with an owner: the code that opened it gives it back
// on every way out, with `await using`.
import { abortAfter, heed } from '../deadline.ts'
import { ApiError, MachineError, MachineLeftError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { Cloud, MachineRecord, Order } from './cloud.ts'
import { createOnce } from './create.ts'
import { andCost, deleteUntilGone, lastTryMs } from './delete.ts'
import { waitForMachine } from './follow.ts'
import { Ledger } from './ledger.ts'

/** A machine that this run boots. Disposing it gives it back if the run rented it. */
export interface Machine extends AsyncDisposable {
  readonly record: MachineRecord
}

interface RentOptions {
  cloud: Cloud
  order: Order
  /** Unique to this run. */
  runId: string
  /** Do not delete it at the end. */
  keep: boolean
  report: Reporter
  /** The first interrupt: no machine is created after it. */
  signal: AbortSignal
  /** The second interrupt. */
  forced: AbortSignal
  /** Called when it begins to give the machine back, or to look for one that may exist. */
  onGiveBack?: () => void
  /** The settings that `metalkit rm` needs to look where this run did, as words of a shell before it; by default none. */
  rmSettings?: string
}

/**
 * Rents a machine. The caller's `await using` deletes it, unless it is kept.
 * @throws ApiError if the API refuses; MachineLeftError if an unknown machine may exist
 */
export async function rentMachine(options: RentOptions): Promise<Machine> {
  const { cloud, order, report, signal, forced, onGiveBack } = options
  const mark = cloud.markOf(options.runId)
  const rm = `${options.rmSettings ?? ''}metalkit rm ${mark}`
  const ledger = new Ledger({ cloud, mark, rm, report })
  const leaving = () => {
    const what = `interrupted while a machine ${cloud.marked} "${mark}" was being created`
    if (cloud.isTemporary) return new MachineLeftError(`${what}: it ends with its lab`)
    return new MachineLeftError(`${what}: it MAY EXIST${andCost(cloud)}`, {
      hint: `delete it with: ${rm}`,
    })
  }
  const creating = createOnce(cloud, { order, ledger, report, signal }).catch(async (error: unknown) => {
    onGiveBack?.()
    // The machine of an unclear create may still appear, and no Machine object exists that would give it back.
    const failures = await ledger.settle({ forced }).then(
      () => [],
      (failure: unknown) => [failure],
    )
    // Advice is not worth a wait after an interrupt.
    const explained = await heed(cloud.explainRefusal(error, order), signal).catch((thrown: unknown) =>
      signal.aborted ? error : thrown,
    )
    throw failures.length === 0 ? explained : new AggregateError([explained, ...failures])
  })
  using late = abortAfter(forced, cloud.clock.toRealMs(lastTryMs), leaving)
  const record = await heed(creating, late.signal)
  const { id } = record
  report.event('machine-created', {
    id,
    hostname: order.hostname ?? record.hostname,
    plan: order.plan,
    metro: order.place,
  })
  return {
    record,
    async [Symbol.asyncDispose]() {
      onGiveBack?.()
      if (options.keep) return await ledger.settle({ keptId: id, forced })
      report.info(`Deleting the machine ${id}...`)
      await ledger.takeStock(forced)
      // Not in a finally block: if both deletions fail, both errors must be reported.
      await using _others = { [Symbol.asyncDispose]: () => ledger.settle({ keptId: id, forced }) }
      await deleteUntilGone(cloud, { id, projectId: undefined }, report, forced)
      report.event('machine-deleted', { id })
    },
  }
}

interface ReuseOptions {
  cloud: Cloud
  /** From findMachine. */
  record: MachineRecord
  order: Pick<Order, 'hostname' | 'scriptUrl' | 'alwaysPxe'>
  report: Reporter
  signal: AbortSignal
}

/** The error for an unknown id, with a hint that lists the existing machines. */
async function unknownMachine(cloud: Cloud, error: unknown): Promise<unknown> {
  if (!(error instanceof ApiError) || !cloud.isGone(error)) return error
  const machines = await cloud.list().catch(() => undefined)
  if (machines === undefined) return error
  const known = machines.map(({ id, hostname }) => `${id} (${hostname})`)
  return error.advise(
    known.length === 0
      ? `the ${cloud.scope} has no machines that metalkit created`
      : `existing machines: ${known.join(', ')}`,
  )
}

/** Whether it can be restarted now. */
function isRestartable({ phase }: MachineRecord): boolean {
  return phase === 'on' || phase === 'off'
}

interface FindOptions {
  cloud: Cloud
  id: string
  /** How long it may take to come up. */
  timeoutMs: number
  report: Reporter
  signal: AbortSignal
}

/**
 * Looks up the machine of --device, and waits if it is still coming up.
 * @throws ApiError if it does not exist, MachineError if it cannot be booted this way
 */
export async function findMachine({ cloud, id, timeoutMs, report, signal }: FindOptions): Promise<MachineRecord> {
  const current = await cloud.get(id, signal).catch(async (error: unknown) => {
    throw await unknownMachine(cloud, error)
  })
  const onWait = ({ state }: MachineRecord) =>
    report.info(`The machine ${id} is ${state}; waiting until it can be rebooted...`)
  const machine = await waitForMachine({ cloud, machine: current, timeoutMs, onWait, signal }, isRestartable)
  const { whyNotBootable: refusal, isLocked, state } = machine
  if (refusal !== undefined) throw new MachineError(refusal.message, { hint: refusal.hint })
  if (isLocked) throw new MachineError(`the machine ${id} is locked`, { hint: 'unlock it first' })
  if (!isRestartable(machine)) {
    throw new MachineError(`the machine ${id} is ${state} and cannot be rebooted`, { hint: 'wait until it is active' })
  }
  return machine
}

/** Makes an existing machine boot a new script; never deletes it. */
export async function reuseMachine({ cloud, record, order, report, signal }: ReuseOptions): Promise<Machine> {
  const booted = await cloud.boot(record, order, signal)
  report.event('machine-rebooted', { id: record.id })
  return { record: booted, async [Symbol.asyncDispose]() {} }
}
