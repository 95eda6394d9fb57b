// metalkit serve: publishes a folder to machines that boot, until it is told to stop.
import { once } from 'node:events'
import { InterruptedError, UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import { flags } from '../options.ts'
import { outsideUrls } from '../serve/listen.ts'
import { startServer } from '../serve/server.ts'
import type { ServeOptions } from './index.ts'

/** The folder to serve: the argument is the flag in another place, so both may not say different things; a variable gives way. */
function chooseDirectory(given: string | undefined, option: string, context: Context): string {
  if (given === undefined || given === option) return given ?? option
  const fromFlag =
    option !== flags.directory.fallback && !flags.directory.env.some((name) => context.env[name] === option)
  if (fromFlag) {
    throw new UsageError(`two directories are given, "${given}" and --directory "${option}"`, {
      hint: 'give one of them',
    })
  }
  return given
}

export async function execute(
  args: readonly (string | undefined)[],
  options: ServeOptions,
  context: Context,
): Promise<void> {
  const { report, signal, forced } = context
  const path = chooseDirectory(args[0], options.directory, context)
  signal.throwIfAborted()
  await using server = await startServer({ listen: options.port, content: { kind: 'folder', path }, report, forced })
  report.info(`serving ${path} at ${server.url}/`)
  for (const url of outsideUrls(server.address)) report.info(`also at ${url}/`)
  if (!signal.aborted) await once(signal, 'abort')
  // Being told to stop is how serving ends well; a lost terminal or a defect is not.
  const { reason } = signal
  if (!(reason instanceof InterruptedError) || reason.signal === 'SIGHUP') throw reason
}
