// A Machine costs money from creation to deletion, so it is a resource with an owner: the code that opened it gives it back
// on every way out, with `await using`.
import { abortAfter, heed } from '../deadline.ts'
import { ApiError, MachineError, MachineLeftError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { isGone } from './answer.ts'
import type { MetalClient } from './client.ts'
import { createOnce } from './create.ts'
import { andCost, deleteUntilGone, lastTryMs } from './delete.ts'
import { waitForDevice } from './follow.ts'
import { Ledger } from './ledger.ts'
import type { Device, DeviceCreateInput } from './schema.ts'
import { withSuggestions } from './suggestion.ts'

/** A machine that this run boots. Disposing it gives it back if the run rented it. */
export interface Machine extends AsyncDisposable {
  readonly device: Device
}

interface RentOptions {
  client: MetalClient
  projectId: string
  /** Without tags, which this module sets. */
  input: Omit<DeviceCreateInput, 'operating_system' | 'billing_cycle' | 'tags'>
  /** Unique to this run. */
  runId: string
  /** Do not delete it at the end. */
  keep: boolean
  report: Reporter
  /** The first interrupt: no machine is created after it. */
  signal: AbortSignal
  /** The second interrupt. */
  forced: AbortSignal
}

/** The tag of every machine that metalkit creates. */
export const machineTag = 'metalkit'

/** The prefix of the tag of a run; each run has its own tag. */
export const runTagPrefix = 'metalkit-run-'

/**
 * Rents a machine. The caller's `await using` deletes it, unless it is kept.
 * @throws ApiError if the API refuses; MachineLeftError if an unknown machine may exist
 */
export async function rentMachine(options: RentOptions): Promise<Machine> {
  const { client, report, signal, forced } = options
  const runTag = `${runTagPrefix}${options.runId}`
  const { projectId } = options
  const ledger = new Ledger({ client, projectId, tag: runTag, report })
  const input: DeviceCreateInput = {
    ...options.input,
    operating_system: 'custom_ipxe',
    billing_cycle: 'hourly',
    tags: [machineTag, runTag],
  }
  const leaving = () => {
    const what = `interrupted while a machine tagged "${runTag}" was being created`
    if (client.isTemporary) return new MachineLeftError(`${what}: it ends with its lab`)
    return new MachineLeftError(`${what}: it MAY EXIST${andCost(client)}`, {
      hint: `delete it with: metalkit rm ${runTag}`,
    })
  }
  const creating = createOnce(client, { projectId, input, ledger, report, signal }).catch(async (error: unknown) => {
    // The machine of an unclear create may still appear, and no Machine object exists that would give it back.
    const failures = await ledger.settle({ forced }).then(
      () => [],
      (failure: unknown) => [failure],
    )
    const explained = await withSuggestions(client, error, { projectId, ...input })
    throw failures.length === 0 ? explained : new AggregateError([explained, ...failures])
  })
  using late = abortAfter(forced, client.clock.toRealMs(lastTryMs), leaving)
  const device = await heed(creating, late.signal)
  const { hostname, plan, metro } = input
  report.event('machine-created', { id: device.id, hostname, plan, metro })
  return {
    device,
    async [Symbol.asyncDispose]() {
      if (options.keep) return await ledger.settle({ keptId: device.id, forced })
      report.info(`Deleting the machine ${device.id}...`)
      await ledger.takeStock(forced)
      // Not in a finally block: if both deletions fail, both errors must be reported.
      await using _others = { [Symbol.asyncDispose]: () => ledger.settle({ keptId: device.id, forced }) }
      await deleteUntilGone(client, { id: device.id, projectId }, report, forced)
      report.info(`The machine ${device.id} is deleted.`)
      report.event('machine-deleted', { id: device.id })
    },
  }
}

interface ReuseOptions {
  client: MetalClient
  /** From findMachine. */
  device: Device
  update: { hostname: string; ipxe_script_url: string; always_pxe: boolean }
  report: Reporter
  signal: AbortSignal
}

/** The error for an unknown device id, with a hint that lists the project's machines. */
async function unknownMachine(client: MetalClient, error: unknown, projectId: string | undefined): Promise<unknown> {
  if (!(error instanceof ApiError) || !isGone(error) || projectId === undefined) return error
  const devices = await client.listDevices(projectId, machineTag).catch(() => [])
  const known = devices.map(({ id, hostname }) => `${id} (${hostname ?? ''})`)
  const hint =
    known.length === 0 ? 'the project has no machines that metalkit created' : `existing machines: ${known.join(', ')}`
  return error.advise(hint)
}

/** Whether a reboot or power-on can start it now. */
function isRestartable({ state }: Device): boolean {
  return state === 'active' || state === 'inactive'
}

interface FindOptions {
  client: MetalClient
  id: string
  /** Where to look for other machines if this one does not exist. */
  projectId: string | undefined
  /** How long it may take to come up. */
  timeoutMs: number
  report: Reporter
  signal: AbortSignal
}

/**
 * Looks up the machine of --device, and waits if it is still coming up.
 * @throws ApiError if it does not exist, MachineError if it cannot be booted this way
 */
export async function findMachine(options: FindOptions): Promise<Device> {
  const { client, id, projectId, timeoutMs, report, signal } = options
  const current = await client.getDevice(id, signal).catch(async (error: unknown) => {
    throw await unknownMachine(client, error, projectId)
  })
  const onWait = ({ state }: Device) =>
    report.info(`The machine ${id} is ${state}; waiting until it can be rebooted...`)
  const device = await waitForDevice({ client, device: current, timeoutMs, onWait, signal }, isRestartable)
  const os = device.operating_system?.slug
  if (os && os !== 'custom_ipxe') {
    throw new MachineError(`the machine ${id} has the operating system "${os}", which does not boot over iPXE`, {
      hint: 'name a machine created with custom_ipxe, for example by metalkit run -keep',
    })
  }
  if (device.locked) {
    throw new MachineError(`the machine ${id} is locked`, { hint: 'unlock it first' })
  }
  if (!isRestartable(device)) {
    throw new MachineError(`the machine ${id} is ${device.state} and cannot be rebooted`, {
      hint: 'wait until it is active',
    })
  }
  return device
}

/** Points an existing machine at a new script and reboots it. Keeps its tags and lock; never deletes it. */
export async function reuseMachine({ client, device, update, report, signal }: ReuseOptions): Promise<Machine> {
  const { id } = device
  const input = { ...update, tags: device.tags ?? [], locked: device.locked ?? false }
  const updated = await client.updateDevice(id, input, signal)
  const off = device.state === 'inactive'
  report.info(off ? `${id} is off; powering it on...` : `Rebooting ${id}...`)
  await client.act(id, off ? 'power_on' : 'reboot', signal)
  report.event('machine-rebooted', { id })
  return { device: updated, async [Symbol.asyncDispose]() {} }
}
