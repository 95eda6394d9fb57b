// Delete until gone: a machine costs money until the API says that it is no more.
import { AuthenticationError, MachineLeftError, MetalkitError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { isGone } from './answer.ts'
import type { MetalClient } from './client.ts'
import type { Device } from './schema.ts'

const firstDelayMs = 3000
/** Each wait is half as long again as the one before, up to this. */
const maxDelayMs = 15_000
/** However long they take, so many tries are made where there is any hope. */
const fewestTries = 3
/**
 * After the first sign that a machine is gone it is looked for again, each time so long after the one before. A machine that
 * the API does not know twice is gone; one that is being taken down was seen to come back, and is looked at to the end.
 */
const confirmDelaysMs = [1000, 2000, 4000]
/** A machine may be provisioning for long, and cannot be deleted then. */
const provisioningPatienceMs = 60 * 60_000
/** Anything else that refuses to go away. */
const patienceMs = 10 * 60_000
/** A token that is refused seldom gets better. */
const authenticationPatienceMs = 30_000
/** How long a run that is forced to end waits for the API's last answer; CI systems kill a few seconds after their last signal. */
export const lastTryMs = 3000

const goingStates = new Set(['deprovisioning', 'deleted'])
const comingStates = new Set(['queued', 'provisioning', 'reinstalling'])

/** Whether a device is being taken down, or has been. */
export function isGoing({ state }: Device): boolean {
  return goingStates.has(state)
}

/** Which machine: the project is where it is looked for when the API denies knowing it. */
export interface DeleteTarget {
  id: string
  /** Undefined where it is not known; then the API's word is taken. */
  projectId: string | undefined
}

/** How a machine stands after a try to delete it: why it is not known to be gone, and for how long that is worth more tries. */
interface Standing {
  why: string
  /** It was seen, so that it is certain that it is there. */
  seen: boolean
  patienceMs: number
}

/** The device, or undefined for 404, and for 403, which is what the API says of a failed machine it has taken back. */
async function lookUp(client: MetalClient, { id }: DeleteTarget, signal: AbortSignal): Promise<Device | undefined> {
  try {
    return await client.getDevice(id, signal)
  } catch (error) {
    if (!isGone(error)) throw error
    return undefined
  }
}

/**
 * Looks again after a moment, in the project's list too. One sign is not enough: a 403 or 404 may come from a token that
 * has lost its rights or from something in between, and a machine that was going was seen to come back.
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

/** One try. @returns undefined when it is gone */
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
    const why = refusal?.message ?? `its deletion was accepted, but not seen to be done: ${error.message}`
    const denied = error instanceof AuthenticationError
    return { why, seen: false, patienceMs: denied ? authenticationPatienceMs : patienceMs }
  }
}

/** The last try of a run that is forced to end: it is sent once, and its answer is waited for shortly. */
async function tryOnceMore(client: MetalClient, target: DeleteTarget): Promise<Standing | undefined> {
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), client.clock.toRealMs(lastTryMs))
  try {
    return await tryDelete(client, target, patience.signal, async () => undefined)
  } catch (error) {
    if (!patience.signal.aborted) throw error
    return { why: 'the run was interrupted twice', seen: false, patienceMs: 0 }
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Deletes a machine and sees that it is gone.
 * @param forced aborted when the user will not wait for that: then it is tried once more
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
      if (isHopeless || (tries >= fewestTries && client.clock.monotonicMs() - startedMs >= still.patienceMs)) break
      report.progress(`The machine ${id} cannot be deleted yet: ${why}; trying until it is`)
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
  const standing = seen ? 'STILL RUNS AND COSTS MONEY' : 'MAY STILL RUN AND COST MONEY'
  if (client.isTemporary) throw new MachineLeftError(`the machine ${id} runs until its lab ends: ${why}`)
  throw new MachineLeftError(`the machine ${id} ${standing}: ${why}`, {
    hint: `delete it with: metalkit rm ${id}`,
  })
}
