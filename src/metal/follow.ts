// Follows a machine's states and events while it boots and runs.
import { ApiError, MachineError } from '../errors.ts'
import { plainText } from '../text/plain-text.ts'
import { isGone } from './answer.ts'
import type { MetalClient } from './client.ts'
import type { Device, ApiEvent } from './schema.ts'

const pollMs = 2000
const comingUpStates = new Set(['queued', 'provisioning', 'reinstalling'])
const transitionStates = new Set([...comingUpStates, 'powering_on', 'powering_off'])

/** One observation of a machine. */
export interface Observation {
  device: Device
  /** Events since the last observation, oldest first. */
  news: ApiEvent[]
  /** The device's newest event. */
  newest: ApiEvent | undefined
}

interface FollowOptions {
  client: MetalClient
  id: string
  /** How long it may take to come up. */
  timeoutMs: number
  onLook: (observation: Observation) => void
  signal: AbortSignal
}

/** An event's text, on one line. */
export function describeEvent(event: ApiEvent | undefined): string {
  return plainText(event?.body ?? '')
}

/** `provisioning 40%: Network configured`. */
export function describeProgress({ device, newest }: Pick<Observation, 'device' | 'newest'>): string {
  const percentage = percentageOf(device)
  const event = describeEvent(newest)
  return `${device.state}${percentage === undefined ? '' : ` ${Math.round(percentage)}%`}${event === '' ? '' : `: ${event}`}`
}

/** The provisioning percentage, 0 to 100; undefined unless the machine is coming up. */
export function percentageOf(device: Device): number | undefined {
  return comingUpStates.has(device.state) ? (device.provisioning_percentage ?? undefined) : undefined
}

/**
 * Watches a machine until it powers off.
 * @throws MachineError if it fails, disappears or does not come up in time; signal.reason if aborted
 */
export async function followMachine({ client, id, timeoutMs, onLook, signal }: FollowOptions): Promise<'powered-off'> {
  const deadlineMs = client.clock.monotonicMs() + timeoutMs
  const seen = new Set<string>()
  let last = 'just created'
  let offBefore = false
  let goneBefore = false
  for (;;) {
    let look: Observation
    try {
      look = await observe(client, id, seen, signal)
    } catch (error) {
      if (!isGone(error)) throw error
      // A single 404 can come from a replica that does not know the machine yet, or from a proxy; two in a row do not.
      if (!goneBefore) {
        goneBefore = true
        await client.clock.sleep(pollMs, signal)
        continue
      }
      throw new MachineError(`the machine ${id} is gone; it was last seen ${last}`, {
        hint: 'the cloud takes back a machine that it fails to provision; try again, or another metro',
        cause: error,
      })
    }
    goneBefore = false
    onLook(look)
    const { device } = look
    last = describeProgress(look)
    if (device.state === 'failed') throw new MachineError(`the machine ${id} failed (${last})`)
    // A single poll can fall between the off and on of a reboot; two in a row cannot.
    const off = device.state === 'inactive'
    if (off && offBefore) return 'powered-off'
    offBefore = off
    if (comingUpStates.has(device.state) && client.clock.monotonicMs() > deadlineMs) {
      throw new MachineError(`the machine ${id} did not come up in time (${last})`, {
        hint: 'allow more time with --timeout',
      })
    }
    await client.clock.sleep(pollMs, signal)
  }
}

interface WaitOptions {
  client: MetalClient
  /** The device when last polled. */
  device: Device
  timeoutMs: number
  /** Called once, if there is something to wait for. */
  onWait: (device: Device) => void
  signal: AbortSignal
}

/**
 * Waits until a device passes the check, as long as it is in transition: coming up, or switching on or off.
 * @returns the device when last polled, which may not pass
 * @throws MachineError if it does not pass in time; signal.reason if aborted
 */
export async function waitForDevice(
  { client, device, timeoutMs, onWait, signal }: WaitOptions,
  passes: (device: Device) => boolean,
): Promise<Device> {
  const deadlineMs = client.clock.monotonicMs() + timeoutMs
  let last = device
  for (let looks = 0; !passes(last) && transitionStates.has(last.state); looks++) {
    if (looks === 0) onWait(last)
    if (client.clock.monotonicMs() > deadlineMs) {
      throw new MachineError(`the machine ${last.id} is still ${last.state}`, {
        hint: 'allow more time with --timeout',
      })
    }
    await client.clock.sleep(pollMs, signal)
    last = await client.getDevice(last.id, signal)
  }
  return last
}

async function observe(client: MetalClient, id: string, seen: Set<string>, signal: AbortSignal): Promise<Observation> {
  const device = await client.getDevice(id, signal)
  // Events are only additional information: failing to list them must not end a run.
  const events = await client.listEvents(id, signal).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error
    return []
  })
  const news = events.filter(({ id: eventId }) => eventId && !seen.has(eventId)).toReversed()
  for (const { id: eventId } of news) if (eventId) seen.add(eventId)
  return { device, news, newest: events[0] }
}
