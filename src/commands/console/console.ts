import type { Context } from '../../io.ts'
import { waitForMachine } from '../../machine/follow.ts'
import { cloudOf } from '../clouds/clouds.ts'
import { openCloud, optionsFor } from '../clouds/open-cloud.ts'
import { prepareConsole } from './prepare-console.ts'
import { checkReplies } from './replies.ts'
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
  const row = cloudOf(id)
  const { context, options: own } = await optionsFor(row, options, outer)
  const cloud = await openCloud(row, own, context)
  const access = await prepareConsole(options, context)
  const { report, signal } = context
  const machine = await waitForMachine(
    {
      cloud,
      machine: await cloud.get(encodeURIComponent(id), signal),
      timeoutMs: options.timeout ?? defaultTimeoutMs,
      onWait: ({ state }) => report.info(`The machine ${id} is ${state}; waiting for its console...`),
      signal,
    },
    (last) => cloud.hasConsole(last),
  )
  const login = cloud.consoleLogin(machine)
  if (login !== undefined) report.detail(`console of ${machine.id} at ${login.address.host}`)
  await holdConsole(cloud, machine, access, options, context, limit?.signal)
}
