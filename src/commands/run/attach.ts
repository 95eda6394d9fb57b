// The console of a run, checked beside its image, before anything is billed. Loading this loads all of SSH.
import type { Context } from '../../io.ts'
import type { Cloud, MachineRecord } from '../../machine/cloud.ts'
import type { RunOptions } from '../../options/command-flags.ts'
import { holdConsole } from '../console/hold-console.ts'
import { checkConsole, prepareConsole, reachConsole } from '../console/prepare-console.ts'

/** Attaches to the console of a machine, and returns when its session has ended. */
type Attach = (record: MachineRecord, context: Context, limit: AbortSignal | undefined) => Promise<void>

/** Checks the console while the image is checked. Until that is in order it asks nothing, and stores and opens nothing. */
export async function checkBesideImage(
  image: Promise<unknown>,
  cloud: Cloud,
  target: Parameters<typeof checkConsole>[1],
  listing: ReturnType<Cloud['listKeys']> | undefined,
  options: RunOptions,
  context: Context,
): Promise<Attach> {
  const failed = new AbortController()
  const signal = AbortSignal.any([context.signal, failed.signal])
  const finding = (async () => {
    if (options.hostKeyPolicy === 'accept-new') await image
    return reachConsole(options, { ...context, signal }, listing, image)
  })()
  const check = finding.then(async (reach) => await checkConsole(cloud, target, reach, { ...context, signal }))
  check.catch(() => {})
  try {
    await image
  } catch (error) {
    failed.abort(error)
    throw error
  }
  await check
  const access = await prepareConsole(options, context, await finding)
  return async (record, held, limit) => await holdConsole(cloud, record, access, options, held, limit)
}
