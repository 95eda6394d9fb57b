import type { Context } from '../io.ts'
import { MetalClient } from '../metal/client.ts'
import { requireOption } from '../options.ts'
import { prepareConsole, sosAddress } from './attach.ts'
import { holdConsole } from './hold-console.ts'
import type { ConsoleOptions } from './index.ts'

/** `console <device id>`: the console of a machine that already runs. */
export async function execute(
  [id = '']: readonly (string | undefined)[],
  options: ConsoleOptions,
  context: Context,
): Promise<void> {
  const token = requireOption('apiKey', options.apiKey)
  const client = new MetalClient({
    apiUrl: options.apiUrl,
    token,
    env: context.env,
    report: context.report,
    clock: context.clock,
  })
  const access = prepareConsole(options, context)
  const device = await client.getDevice(encodeURIComponent(id), context.signal)
  context.report.detail(`console of ${device.id} at ${sosAddress(device, options.sos).host}`)
  await holdConsole(client, device, access, options, context)
}
