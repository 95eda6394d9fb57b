// Follows a machine's states and events while it boots and runs.
import { ApiError, MachineError } from '../errors.ts'
import { plainText } from '../text/plain-text.ts'
import type { Cloud, MachineEvent, MachineRecord, Phase } from './cloud.ts'

const pollMs = 2000
const transitions: ReadonlySet<Phase> = new Set(['coming', 'switching', 'stopping'])

/** What a machine has failed to do that stays in a phase; without a text it may stay for any time. */
const lateness: Partial<Record<Phase, string>> = {
  coming: 'did not come up in time',
  switching: 'did not come up in time',
  stopping: 'did not power off in time',
  going: 'is being deleted, but is not gone in time',
  unknown: 'was in an unknown state for too long',
}

/** One observation of a machine. */
export interface Observation {
  machine: MachineRecord
  /** Events since the last observation, oldest first. */
  news: MachineEvent[]
  /** The machine's newest event. */
  newest: MachineEvent | undefined
}

interface FollowOptions {
  cloud: Cloud
  id: string
  /** How long it may take to come up, and to leave any other state that is neither on nor off. */
  timeoutMs: number
  onLook: (observation: Observation) => void
  signal: AbortSignal
}

/** An event's text, on one line. */
export function describeEvent(event: Pick<MachineEvent, 'body'> | undefined): string {
  return plainText(event?.body ?? '')
}

/** `provisioning 40%: Network configured`. */
export function describeProgress({
  machine,
  newest,
}: {
  machine: MachineRecord
  newest: Pick<MachineEvent, 'body'> | undefined
}): string {
  const percentage = percentageOf(machine)
  const event = describeEvent(newest)
  return `${machine.state}${percentage === undefined ? '' : ` ${Math.round(percentage)}%`}${event === '' ? '' : `: ${event}`}`
}

/** The provisioning percentage, 0 to 100; undefined unless the machine is coming up. */
export function percentageOf({ phase, percentage }: MachineRecord): number | undefined {
  return phase === 'coming' ? percentage : undefined
}

/**
 * Watches a machine until it powers off.
 * @throws MachineError if it fails, disappears, or stays too long in a state that is neither on nor off; signal.reason if aborted
 */
export async function followMachine({ cloud, id, timeoutMs, onLook, signal }: FollowOptions): Promise<'powered-off'> {
  const { clock } = cloud
  let deadlineMs = clock.monotonicMs() + timeoutMs
  const seen = new Set<string>()
  let last = 'just created'
  let offBefore = false
  let goneBefore = false
  for (;;) {
    let look: Observation
    try {
      look = await observe(cloud, id, seen, signal)
    } catch (error) {
      if (!cloud.isGone(error)) throw error
      // A single 404 can come from a replica that does not know the machine yet, or from a proxy; two in a row do not.
      if (!goneBefore) {
        goneBefore = true
        await clock.sleep(pollMs, signal)
        continue
      }
      throw new MachineError(`the machine ${id} is gone; it was last seen ${last}`, {
        hint: 'the cloud takes back a machine that it fails to provision; try again, or another metro',
        cause: error,
      })
    }
    goneBefore = false
    onLook(look)
    const { phase } = look.machine
    last = describeProgress(look)
    if (phase === 'gone') {
      throw new MachineError(`the machine ${id} is gone (${last})`, {
        hint: 'it was deleted elsewhere, or its cloud took it back',
      })
    }
    if (phase === 'failed') throw new MachineError(`the machine ${id} failed (${last})`)
    // A single poll can fall between the off and on of a reboot; two in a row cannot.
    const off = phase === 'off'
    if (off && offBefore) return 'powered-off'
    offBefore = off
    const late = lateness[phase]
    if (late === undefined) deadlineMs = clock.monotonicMs() + timeoutMs
    else if (clock.monotonicMs() > deadlineMs)
      throw new MachineError(`the machine ${id} ${late} (${last})`, { hint: hintOfLateness(phase) })
    await clock.sleep(pollMs, signal)
  }
}

/** What to do about a machine that stays in a phase. */
function hintOfLateness(phase: Phase): string {
  const moreTime = 'allow more time with --timeout'
  return phase === 'unknown' ? `see what its cloud says about it, or ${moreTime}` : moreTime
}

interface WaitOptions {
  cloud: Cloud
  /** The machine when last polled. */
  machine: MachineRecord
  timeoutMs: number
  /** Called once, if there is something to wait for. */
  onWait: (machine: MachineRecord) => void
  signal: AbortSignal
}

/**
 * Waits until a machine passes the check, as long as it is in transition: coming up, or switching on or off.
 * @returns the machine when last polled, which may not pass
 * @throws MachineError if it does not pass in time; signal.reason if aborted
 */
export async function waitForMachine(
  { cloud, machine, timeoutMs, onWait, signal }: WaitOptions,
  passes: (machine: MachineRecord) => boolean,
): Promise<MachineRecord> {
  const { clock } = cloud
  const deadlineMs = clock.monotonicMs() + timeoutMs
  let last = machine
  for (let looks = 0; !passes(last) && transitions.has(last.phase); looks++) {
    if (looks === 0) onWait(last)
    if (clock.monotonicMs() > deadlineMs) {
      throw new MachineError(`the machine ${last.id} is still ${last.state}`, {
        hint: 'allow more time with --timeout',
      })
    }
    await clock.sleep(pollMs, signal)
    last = await cloud.get(last.id, signal)
  }
  return last
}

async function observe(cloud: Cloud, id: string, seen: Set<string>, signal: AbortSignal): Promise<Observation> {
  const machine = await cloud.get(id, signal)
  // Events are only additional information: failing to list them must not end a run.
  const events = await cloud.listEvents(id, signal).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error
    return []
  })
  const news = events.filter(({ id: eventId }) => eventId !== '' && !seen.has(eventId)).toReversed()
  for (const { id: eventId } of news) seen.add(eventId)
  return { machine, news, newest: events[0] }
}
