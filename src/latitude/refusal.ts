// Temporary and permanent refusals of the API.
import { ApiError, FinalRefusal, UncertainError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { LatitudeClient } from './client.ts'
import type { ReinstallInput } from './schema.ts'
import { isReserved } from './stock.ts'

/** A machine that is being deployed, and for a while afterwards. */
const beingProvisioned = 'SERVER_BEING_PROVISIONED'
/** Other clients wait this long, this often. */
const reinstallTries = 6
const reinstallDelayMs = 30_000

/**
 * Asks for a reinstall, and repeats the request while the machine is being provisioned.
 * @returns the error if the request may or may not have been carried out
 * @throws ApiError if it is refused
 */
export async function reinstall(
  client: LatitudeClient,
  id: string,
  input: ReinstallInput,
  report: Pick<Reporter, 'info'>,
  signal: AbortSignal,
): Promise<UncertainError | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      await client.reinstall(id, input, signal)
      return undefined
    } catch (error) {
      if (error instanceof UncertainError) return error
      const isPassing = error instanceof ApiError && error.refusalCode === beingProvisioned
      if (!isPassing || tries === reinstallTries) throw error
      report.info(`The machine ${id} is still being provisioned; trying again in ${reinstallDelayMs / 1000} s...`)
      await client.caller.clock.sleep(reinstallDelayMs, signal)
    }
  }
}

/** Why a machine can never be deleted by asking again; undefined if it may pass. */
async function findObstacle(client: LatitudeClient, error: ApiError, id: string, signal?: AbortSignal) {
  const { status = 0, refusalCode } = error
  if (status === 423 || refusalCode === 'SERVER_LOCKED_ERROR') return 'unlock it in the dashboard of Latitude.sh first'
  if (refusalCode === 'SERVER_DEVICE_ROLE_ERROR') return 'delete it in the dashboard of Latitude.sh'
  const isFleeting = status >= 500 || status === 404 || status === 429 || refusalCode === beingProvisioned
  if (isFleeting || status === 0) return undefined
  // The refusal for a reserved server has words, but no code that is published.
  const server = await client.getServer(id, signal).catch(() => undefined)
  if (!isReserved(server?.attributes.project?.provisioning_type)) return undefined
  return `it is reserved: it can only be deleted at the end of its billing cycle; schedule that in the dashboard of Latitude.sh, or with POST /servers/${id}/schedule_deletion`
}

/** A refused deletion, as a FinalRefusal that says what to do if asking again cannot help; otherwise the error itself. */
export async function explainDelete(
  client: LatitudeClient,
  error: unknown,
  id: string,
  signal?: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof ApiError)) return error
  const { message, status, refusalCode } = error
  const obstacle = await findObstacle(client, error, id, signal)
  if (obstacle === undefined) return error
  return new FinalRefusal(`${message}; ${obstacle}`, { layer: 'latitude', status, refusalCode, cause: error })
}
