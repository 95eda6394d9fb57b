// Delete until gone: a machine costs money until the API no longer knows it.
import { AuthenticationError, FinalRefusal, MachineLeftError, MetalkitError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { plainText } from '../text/plain-text.ts'
import type { Cloud, MachineRecord, Release } from './cloud.ts'

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
/** Delay between checks of a machine whose deletion is watched. */
const watchMs = 5000
/** How long a run waits until a rack has switched its machine off, or failed to. */
const releasePatienceMs = 30_000
/** A machine may be provisioning for a long time, and cannot be deleted meanwhile. */
const provisioningPatienceMs = 60 * 60_000
/** For any other reason. */
const patienceMs = 10 * 60_000
/** A refused token seldom works later. */
const authenticationPatienceMs = 30_000
/** How long a forced run waits for the API's last answer; CI systems kill a few seconds after their last signal. */
export const lastTryMs = 3000

/** Ends a sentence about a machine that may exist; a lab's costs nothing. */
export function andCost({ isLab }: Cloud): string {
  return isLab ? '' : ' AND COST MONEY'
}

/** Whether a machine is being deleted, or has been. */
export function isGoing({ phase }: MachineRecord): boolean {
  return phase === 'going' || phase === 'gone'
}

/** The machine, and the project in whose list it is looked for after a 404; the cloud's own if undefined. */
type DeleteTarget = Pick<MachineRecord, 'id' | 'projectId'>

/** A machine that is not known to be gone after an attempt: the reason, and how long retries are worthwhile. */
interface Standing {
  why: string
  /** True if the API showed it after the attempt. */
  seen: boolean
  patienceMs: number
}

/** The same while it is deleted. */
interface Watched extends DeleteTarget {
  /** Whether it was being deleted when last seen. */
  isEnding: boolean
  /** What a rack still has to do, when last seen. */
  release?: Release | undefined
}

/** The machine; undefined if the API says that it does not exist, or no longer. */
async function lookUp(cloud: Cloud, target: Watched, signal: AbortSignal): Promise<MachineRecord | undefined> {
  try {
    const machine = await cloud.get(target.id, signal)
    target.isEnding = isGoing(machine)
    target.release = machine.release
    return machine.phase === 'gone' ? undefined : machine
  } catch (error) {
    if (!cloud.isGone(error)) throw error
    target.release = undefined
    return undefined
  }
}

/**
 * Checks again after a moment, and in the cloud's list. One sign is not enough: a 403 or 404 may come from a token that
 * lost its rights or from a proxy, and a machine in deprovisioning has been seen to come back.
 * @param isAccepted false if the API knew no such machine to delete: it may not know a new machine yet, so every check is made
 */
async function confirmGone(
  cloud: Cloud,
  target: Watched,
  signal: AbortSignal,
  isAccepted: boolean,
): Promise<MachineRecord | undefined> {
  const startMs = cloud.clock.monotonicMs()
  const endMs = startMs + patienceMs
  const isReleasing = () =>
    target.release?.trouble === undefined &&
    target.release !== undefined &&
    cloud.clock.monotonicMs() - startMs < releasePatienceMs
  for (let looks = 0; looks < confirmDelaysMs.length || cloud.isDeletionWatched || isReleasing(); looks++) {
    await cloud.clock.sleep(confirmDelaysMs[looks] ?? watchMs, signal)
    const machine = await lookUp(cloud, target, signal)
    if (machine === undefined) {
      if (isAccepted || looks + 1 >= confirmDelaysMs.length) break
      continue
    }
    if (!isGoing(machine) || cloud.clock.monotonicMs() > endMs) return machine
  }
  const listed = await cloud.findListed(target, signal)
  return listed === undefined || isGoing(listed) ? undefined : listed
}

function describeStanding(machine: MachineRecord, refusal: MetalkitError | undefined): Standing {
  if (machine.isLocked) return { why: 'it is locked', seen: true, patienceMs: 0 }
  const why = refusal?.message ?? `it is still ${machine.state}`
  if (refusal instanceof FinalRefusal) return { why, seen: true, patienceMs: 0 }
  if (refusal instanceof AuthenticationError) return { why, seen: true, patienceMs: authenticationPatienceMs }
  return { why, seen: true, patienceMs: machine.phase === 'coming' ? provisioningPatienceMs : patienceMs }
}

/** Makes one attempt. @returns undefined if the machine is gone */
async function tryDelete(
  cloud: Cloud,
  target: Watched,
  signal: AbortSignal,
  confirm = confirmGone,
): Promise<Standing | undefined> {
  let refusal: MetalkitError | undefined
  try {
    await cloud.delete(target.id, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof MetalkitError)) throw error
    refusal = error
  }
  try {
    const first = await lookUp(cloud, target, signal)
    const machine =
      first === undefined || isGoing(first) ? await confirm(cloud, target, signal, !cloud.isGone(refusal)) : first
    return machine === undefined ? undefined : describeStanding(machine, refusal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof MetalkitError)) throw error
    const why = refusal?.message ?? `the API accepted its deletion, but did not confirm it: ${error.message}`
    const denied = error instanceof AuthenticationError
    const isFinal = refusal instanceof FinalRefusal
    return { why, seen: false, patienceMs: isFinal ? 0 : denied ? authenticationPatienceMs : patienceMs }
  }
}

/** The last attempt of a forced run: one request, and a short wait for its answer. */
async function tryOnceMore(cloud: Cloud, target: Watched): Promise<Standing | undefined> {
  const patience = AbortSignal.timeout(cloud.clock.toRealMs(lastTryMs))
  try {
    return await tryDelete(cloud, target, patience, async () => undefined)
  } catch (error) {
    if (!patience.aborted) throw error
    // An API may refuse for a while to delete what it already deletes.
    if (target.isEnding) return undefined
    return { why: 'the run was interrupted twice', seen: false, patienceMs: 0 }
  }
}

/** Reports the end of a machine. A rack may not have its machine off yet; it goes on by itself. */
function reportGone({ id, release }: Watched, report: Reporter): void {
  report.progress('')
  if (release === undefined) return report.info(`The machine ${id} is deleted.`)
  const { machine, trouble } = release
  const why = trouble === undefined ? '' : `: ${plainText(trouble)}`
  report.warn(
    `the device ${id} is deleted, but its machine "${plainText(machine)}" is not off yet${why}; the rack keeps trying`,
  )
}

/**
 * Deletes a machine, confirms that it is gone, and reports that.
 * @param forced aborted if the user will not wait; then one last attempt is made
 * @throws MachineLeftError naming the machine and how to delete it
 */
export async function deleteUntilGone(
  cloud: Cloud,
  { id, projectId }: DeleteTarget,
  report: Reporter,
  forced: AbortSignal,
): Promise<void> {
  const target: Watched = { id, projectId, isEnding: false }
  const startedMs = cloud.clock.monotonicMs()
  let why = ''
  let seen = true
  try {
    for (let tries = 1, delayMs = firstDelayMs; ; tries++, delayMs = Math.min(delayMs * 1.5, maxDelayMs)) {
      const still = await tryDelete(cloud, target, forced)
      if (still === undefined) return reportGone(target, report)
      why = still.why
      seen = still.seen
      const isHopeless = still.patienceMs === 0
      if (isHopeless || (tries >= minTries && cloud.clock.monotonicMs() - startedMs >= still.patienceMs)) break
      report.progress(`The machine ${id} cannot be deleted yet: ${why}; retrying`)
      await cloud.clock.sleep(delayMs, forced)
    }
  } catch (error) {
    if (!forced.aborted) throw error
    const still = await tryOnceMore(cloud, target)
    if (still === undefined) return reportGone(target, report)
    why = still.why
    seen = still.seen
  } finally {
    report.progress('')
  }
  const standing = seen ? `STILL RUNS${cloud.isLab ? '' : ' AND COSTS MONEY'}` : `MAY STILL RUN${andCost(cloud)}`
  if (cloud.isTemporary) throw new MachineLeftError(`the machine ${id} runs until its lab ends: ${why}`)
  throw new MachineLeftError(`the machine ${id} ${standing}: ${why}`, {
    hint: `delete it with: metalkit rm ${id}`,
  })
}
