import type { Context } from '../io.ts'
import { openClient } from './api.ts'
import { prepareConsole, sosAddress } from './attach.ts'
import { holdConsole } from './hold-console.ts'
import type { ConsoleOptions } from './options.ts'

/** `console <device id>`: the console of a machine that already runs. */
export async function execute(
  [id = '']: readonly (string | undefined)[],
  options: ConsoleOptions,
  context: Context,
): Promise<void> {
  const client = openClient(options, context)
  const access = prepareConsole(options, context)
  const device = await client.getDevice(encodeURIComponent(id), context.signal)
  context.report.detail(`console of ${device.id} at ${sosAddress(device, options.sos).host}`)
  await holdConsole(client, device, access, options, context)
}
