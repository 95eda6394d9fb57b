// Delete until gone: a machine costs money until the API says that it is no more.
import { ApiError, MachineLeftError, MetalkitError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { isGone } from './answer.ts'
import type { MetalClient } from './client.ts'
import type { Device } from './schema.ts'

const retryDelayMs = 3000
/** A machine may be provisioning for long, and cannot be deleted then. */
const provisioningPatienceMs = 60 * 60_000
/** Anything else that refuses to go away. */
const patienceMs = 10 * 60_000

const goingStates = new Set(['deprovisioning', 'deleted'])

/** The device, or undefined once it is gone: 404, and 403, which is what the API says of a failed machine it has taken back. */
async function lookUp(client: MetalClient, id: string, signal: AbortSignal): Promise<Device | undefined> {
  try {
    const device = await client.getDevice(id, signal)
    return goingStates.has(device.state) ? undefined : device
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** One try. @returns why it is still there, or undefined when it is gone */
async function tryDelete(
  client: MetalClient,
  id: string,
  signal: AbortSignal,
): Promise<{ why: string; final: boolean; provisioning: boolean } | undefined> {
  let refusal: MetalkitError | undefined
  try {
    await client.deleteDevice(id, signal)
  } catch (error) {
    if (isGone(error)) return undefined
    if (!(error instanceof MetalkitError)) throw error
    refusal = error
  }
  let device: Device | undefined
  try {
    device = await lookUp(client, id, signal)
  } catch (error) {
    if (!(error instanceof MetalkitError)) throw error
    // The delete was accepted and the look did not work: that is not known to be gone.
    return { why: (refusal ?? error).message, final: !(error instanceof ApiError), provisioning: false }
  }
  if (device === undefined) return undefined
  return {
    why: device.locked ? 'it is locked' : (refusal?.message ?? `it is still ${device.state}`),
    final: device.locked === true,
    provisioning: device.state === 'queued' || device.state === 'provisioning' || device.state === 'reinstalling',
  }
}

/**
 * Deletes a machine and sees that it is gone.
 * @param forced aborted when the user will not wait for that
 * @throws MachineLeftError naming the machine and how to delete it
 */
export async function deleteUntilGone(
  client: MetalClient,
  id: string,
  report: Reporter,
  forced: AbortSignal,
): Promise<void> {
  const startedMs = client.clock.now()
  let why = 'the run was interrupted twice'
  try {
    for (;;) {
      const still = await tryDelete(client, id, forced)
      if (still === undefined) return
      why = still.why
      const patience = still.provisioning ? provisioningPatienceMs : patienceMs
      if (still.final || client.clock.now() - startedMs > patience) break
      report.progress(`The machine ${id} cannot be deleted yet: ${why}; trying again every ${retryDelayMs / 1000} s`)
      await client.clock.sleep(retryDelayMs, forced)
    }
  } catch (error) {
    if (!forced.aborted) throw error
  } finally {
    report.progress('')
  }
  throw new MachineLeftError(`the machine ${id} STILL RUNS AND COSTS MONEY: ${why}`, {
    hint: `delete it with: metalkit rm ${id}`,
  })
}
