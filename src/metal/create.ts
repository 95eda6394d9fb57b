// Create exactly once. A create whose answer is lost is never repeated blindly: the machine may exist and cost money.
import { UncertainError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { MetalClient } from './client.ts'
import type { Ledger } from './ledger.ts'
import type { Device, DeviceCreateInput } from './schema.ts'

/** Delays between lookups of the machine after a create whose answer was lost: the API may still be working on it. */
const lookDelaysMs = [0, 1000, 3000, 6000]
const maxCreates = 3
/** After this long without an answer, a line says what metalkit is waiting for. */
const quietMs = 10_000

interface CreateOptions {
  projectId: string
  input: DeviceCreateInput
  /** Records each create, and has the tag of all machines of this run. */
  ledger: Ledger
  report: Reporter
  signal: AbortSignal
}

/** A device with the run's tag; undefined if there is none. @throws ApiError if the last lookup fails */
async function findByTag(client: MetalClient, ledger: Ledger): Promise<Device | undefined> {
  let failure: unknown
  for (const delayMs of lookDelaysMs) {
    await client.clock.sleep(delayMs)
    try {
      const [device] = await ledger.look()
      if (device !== undefined) return device
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
  client: MetalClient,
  { projectId, input, ledger, report, signal }: CreateOptions,
): Promise<Device> {
  const turnedAway = {
    note: () => ledger.noteTurnedAway(),
    async wasDone() {
      const made = await ledger.look().catch(() => [])
      return made.length > 0
    },
  }
  const timer = setTimeout(
    () => report.info('Still waiting for the API to answer the create; it may take minutes...'),
    client.clock.toRealMs(quietMs),
  )
  try {
    return await client.createDevice(projectId, input, signal, turnedAway)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Creates a device. An interrupt does not cut off a create under way, because its answer would be lost; it only prevents
 * another one.
 * @throws ApiError if the API refuses, or if a machine may exist and looking for it failed; signal.reason
 */
export async function createOnce(
  client: MetalClient,
  { projectId, input, ledger, report, signal }: CreateOptions,
): Promise<Device> {
  signal.throwIfAborted()
  for (let attempt = 1; ; attempt++) {
    try {
      const marked = { ...input, tags: [...input.tags, ...ledger.tagsOf(attempt)] }
      const device = await sendCreate(client, { projectId, input: marked, ledger, report, signal })
      ledger.noteCreated(attempt, device)
      return device
    } catch (error) {
      if (!(error instanceof UncertainError)) throw error
      ledger.noteUncertain(attempt)
      report.info(`${error.message}; looking for a machine tagged ${ledger.tag}`)
      const device = await findByTag(client, ledger)
      if (device !== undefined) {
        report.info(`found it: ${device.id}`)
        return device
      }
      signal.throwIfAborted()
      if (attempt >= maxCreates) throw error
      report.info(`no such machine exists; creating again (attempt ${attempt + 1} of ${maxCreates})`)
    }
  }
}
