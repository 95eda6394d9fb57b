// Follows a machine through its states and events while it comes up and runs.
import { MachineError } from '../errors.ts'
import { isGone } from './answer.ts'
import type { MetalClient } from './client.ts'
import type { Device, DeviceEvent } from './schema.ts'

const pollMs = 2000
const comingUp = new Set(['queued', 'provisioning', 'reinstalling'])

interface FollowOptions {
  client: MetalClient
  id: string
  /** How long it may take to come up. */
  timeoutMs: number
  /** Gets a line for people whenever the state, the percentage or the newest event changes. */
  onChange: (line: string) => void
  signal: AbortSignal
}

/** `provisioning 40%: Network configured`. */
export function describeProgress(device: Device, newest: DeviceEvent | undefined): string {
  const percentage = device.provisioning_percentage
  const share =
    comingUp.has(device.state) && percentage !== undefined && percentage !== null ? ` ${Math.round(percentage)}%` : ''
  const event = newest?.body?.replaceAll(/\p{Cc}+/gu, ' ')
  return `${device.state}${share}${event ? `: ${event}` : ''}`
}

/**
 * Watches a machine until it goes off.
 * @returns when the machine was powered off
 * @throws MachineError when it fails, vanishes or does not come up in time; signal.reason when aborted
 */
export async function followMachine({
  client,
  id,
  timeoutMs,
  onChange,
  signal,
}: FollowOptions): Promise<'powered-off'> {
  const deadlineMs = Date.now() + timeoutMs
  let before = ''
  let offBefore = false
  for (;;) {
    const { device, newest } = await observe(client, id, before, signal)
    const line = describeProgress(device, newest)
    if (line !== before) onChange(line)
    before = line
    if (device.state === 'failed') throw new MachineError(`the machine ${id} failed (${line})`)
    // One look can fall between the off and on of a reboot; two in a row do not.
    const off = device.state === 'inactive'
    if (off && offBefore) return 'powered-off'
    offBefore = off
    if (comingUp.has(device.state) && Date.now() > deadlineMs) {
      throw new MachineError(`the machine ${id} did not come up in time (${line})`, {
        hint: 'give it longer with --timeout',
      })
    }
    await client.sleep(pollMs, signal)
  }
}

async function observe(client: MetalClient, id: string, before: string, signal: AbortSignal) {
  try {
    const device = await client.getDevice(id, signal)
    const [newest] = await client.listEvents(id, signal)
    return { device, newest }
  } catch (error) {
    if (!isGone(error)) throw error
    throw new MachineError(
      `the machine ${id} is gone; it was last seen ${before === '' ? 'when it was created' : before}`,
      {
        hint: 'a machine that fails to be provisioned is taken back by the cloud; try again, or another metro',
        cause: error,
      },
    )
  }
}
