// Delete until gone: a machine costs money until the API no longer knows it.
import { AuthenticationError, MachineLeftError, MetalkitError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { isGone } from './answer.ts'
import type { MetalClient } from './client.ts'
import type { Device } from './schema.ts'

const firstDelayMs = 3000
/** Each delay is 1.5 times the previous one, up to this. */
const maxDelayMs = 15_000
/** At least this many attempts, however long they take, if a retry can help at all. */
const minTries = 3
/**
 * Delays before checking again after the first sign that a machine is gone. A second 404 confirms it. A machine in
 * deprovisioning has been seen to come back, so it is checked after every delay.
 */
const confirmDelaysMs = [1000, 2000, 4000]
/** A machine may be provisioning for a long time, and cannot be deleted meanwhile. */
const provisioningPatienceMs = 60 * 60_000
/** For any other reason. */
const patienceMs = 10 * 60_000
/** A refused token seldom works later. */
const authenticationPatienceMs = 30_000
/** How long a forced run waits for the API's last answer; CI systems kill a few seconds after their last signal. */
export const lastTryMs = 3000

const goingStates = new Set(['deprovisioning', 'deleted'])
const comingStates = new Set(['queued', 'provisioning', 'reinstalling'])

/** Ends a sentence about a machine that may exist; a lab's costs nothing. */
export function andCost({ isLab }: MetalClient): string {
  return isLab ? '' : ' AND COST MONEY'
}

/** Whether a device is being deleted, or has been. */
export function isGoing({ state }: Device): boolean {
  return goingStates.has(state)
}

/** The machine, and the project in whose list it is looked for after a 404. */
export interface DeleteTarget {
  id: string
  /** If undefined, a repeated 404 is enough. */
  projectId: string | undefined
}

/** A machine that is not known to be gone after an attempt: the reason, and how long retries are worthwhile. */
interface Standing {
  why: string
  /** True if the API showed it after the attempt. */
  seen: boolean
  patienceMs: number
}

/** The device; undefined for 404, and for 403, the API's answer for a failed machine that it has taken back. */
async function lookUp(client: MetalClient, { id }: DeleteTarget, signal: AbortSignal): Promise<Device | undefined> {
  try {
    return await client.getDevice(id, signal)
  } catch (error) {
    if (!isGone(error)) throw error
    return undefined
  }
}

/**
 * Checks again after a moment, and in the project's list. One sign is not enough: a 403 or 404 may come from a token that
 * lost its rights or from a proxy, and a machine in deprovisioning has been seen to come back.
 */
async function confirmGone(
  client: MetalClient,
  target: DeleteTarget,
  signal: AbortSignal,
): Promise<Device | undefined> {
  for (const delayMs of confirmDelaysMs) {
    await client.clock.sleep(delayMs, signal)
    const device = await lookUp(client, target, signal)
    if (device === undefined) break
    if (!isGoing(device)) return device
  }
  if (target.projectId === undefined) return undefined
  const listed = (await client.listDevices(target.projectId, undefined, signal)).find(({ id }) => id === target.id)
  return listed === undefined || isGoing(listed) ? undefined : listed
}

function describeStanding(device: Device, refusal: MetalkitError | undefined): Standing {
  if (device.locked) return { why: 'it is locked', seen: true, patienceMs: 0 }
  const why = refusal?.message ?? `it is still ${device.state}`
  if (refusal instanceof AuthenticationError) return { why, seen: true, patienceMs: authenticationPatienceMs }
  return { why, seen: true, patienceMs: comingStates.has(device.state) ? provisioningPatienceMs : patienceMs }
}

/** Makes one attempt. @returns undefined if the machine is gone */
async function tryDelete(
  client: MetalClient,
  target: DeleteTarget,
  signal: AbortSignal,
  confirm = confirmGone,
): Promise<Standing | undefined> {
  let refusal: MetalkitError | undefined
  try {
    await client.deleteDevice(target.id, signal)
  } catch (error) {
    if (!(error instanceof MetalkitError)) throw error
    refusal = error
  }
  try {
    const first = await lookUp(client, target, signal)
    const device = first === undefined || isGoing(first) ? await confirm(client, target, signal) : first
    return device === undefined ? undefined : describeStanding(device, refusal)
  } catch (error) {
    if (!(error instanceof MetalkitError)) throw error
    const why = refusal?.message ?? `the API accepted its deletion, but did not confirm it: ${error.message}`
    const denied = error instanceof AuthenticationError
    return { why, seen: false, patienceMs: denied ? authenticationPatienceMs : patienceMs }
  }
}

/** The last attempt of a forced run: one request, and a short wait for its answer. */
async function tryOnceMore(client: MetalClient, target: DeleteTarget): Promise<Standing | undefined> {
  const patience = AbortSignal.timeout(client.clock.toRealMs(lastTryMs))
  try {
    return await tryDelete(client, target, patience, async () => undefined)
  } catch (error) {
    if (!patience.aborted) throw error
    return { why: 'the run was interrupted twice', seen: false, patienceMs: 0 }
  }
}

/**
 * Deletes a machine and confirms that it is gone.
 * @param forced aborted if the user will not wait; then one last attempt is made
 * @throws MachineLeftError naming the machine and how to delete it
 */
export async function deleteUntilGone(
  client: MetalClient,
  target: DeleteTarget,
  report: Reporter,
  forced: AbortSignal,
): Promise<void> {
  const { id } = target
  const startedMs = client.clock.monotonicMs()
  let why = ''
  let seen = true
  try {
    for (let tries = 1, delayMs = firstDelayMs; ; tries++, delayMs = Math.min(delayMs * 1.5, maxDelayMs)) {
      const still = await tryDelete(client, target, forced)
      if (still === undefined) return
      why = still.why
      seen = still.seen
      const isHopeless = still.patienceMs === 0
      if (isHopeless || (tries >= minTries && client.clock.monotonicMs() - startedMs >= still.patienceMs)) break
      report.progress(`The machine ${id} cannot be deleted yet: ${why}; retrying`)
      await client.clock.sleep(delayMs, forced)
    }
  } catch (error) {
    if (!forced.aborted) throw error
    const still = await tryOnceMore(client, target)
    if (still === undefined) return
    why = still.why
    seen = still.seen
  } finally {
    report.progress('')
  }
  const standing = seen ? `STILL RUNS${client.isLab ? '' : ' AND COSTS MONEY'}` : `MAY STILL RUN${andCost(client)}`
  if (client.isTemporary) throw new MachineLeftError(`the machine ${id} runs until its lab ends: ${why}`)
  throw new MachineLeftError(`the machine ${id} ${standing}: ${why}`, {
    hint: `delete it with: metalkit rm ${id}`,
  })
}
