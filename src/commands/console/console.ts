import type { Context } from '../../io.ts'
import { waitForDevice } from '../../metal/follow.ts'
import { openClient } from '../shared/api.ts'
import { checkReplies, prepareConsole } from './prepare-console.ts'
import { hasConsole, sosAddress } from '../../metal/sos-host.ts'
import { holdConsole } from './hold-console.ts'
import type { ConsoleOptions } from '../../options/command-flags.ts'
import { defaultTimeoutMs, startTimeLimit } from '../shared/time-limit.ts'

/** `console <device id>`: the console of a machine that already runs. */
export async function execute(
  { device: id }: { device: string },
  options: ConsoleOptions,
  outer: Context,
): Promise<void> {
  checkReplies(options)
  const limit = startTimeLimit(options, outer, 'session')
  const context = limit === undefined ? outer : { ...outer, signal: AbortSignal.any([outer.signal, limit]) }
  const client = await openClient(options, context)
  const access = await prepareConsole(options, context)
  const { report, signal } = context
  const device = await waitForDevice(
    {
      client,
      device: await client.getDevice(encodeURIComponent(id), signal),
      timeoutMs: options.timeout ?? defaultTimeoutMs,
      onWait: ({ state }) => report.info(`The machine ${id} is ${state}; waiting for its console...`),
      signal,
    },
    (state) => options.sos !== undefined || hasConsole(state),
  )
  report.detail(`console of ${device.id} at ${sosAddress(device, options.sos).host}`)
  await holdConsole(client, device, access, options, context, limit)
}
