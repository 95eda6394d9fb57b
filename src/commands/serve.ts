// metalkit serve: serves a folder to booting machines until it is stopped.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { InterruptedError, UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import { flags } from '../options/flags.ts'
import { outsideUrls } from '../listen.ts'
import { type Server, startServer } from '../serve/server.ts'
import { chooseTls } from './shared/tls.ts'
import { reportServed, showBoots } from './shared/server-activity.ts'
import type { ServeOptions } from '../options/command-flags.ts'

/** The folder to serve: the argument or the flag, which must agree; the argument overrides the variable. */
function chooseDirectory(argument: string | undefined, option: string, context: Context): string {
  if (argument === undefined || argument === option) return argument ?? option
  const fromFlag =
    option !== flags.directory.fallback && !flags.directory.env.some((name) => context.env[name] === option)
  if (fromFlag) {
    throw new UsageError(`two directories are given, "${argument}" and --directory "${option}"`, {
      hint: 'pass only one of them',
    })
  }
  return argument
}

export async function execute(
  { directory }: { directory: string | undefined },
  options: ServeOptions,
  context: Context,
): Promise<void> {
  const { report, signal, forced } = context
  const path = chooseDirectory(directory, options.directory, context)
  // Other servers take an address as their argument.
  if (/^[\w.-]*:\d+$/.test(path) && !existsSync(path)) {
    throw new UsageError(`the folder "${path}" does not exist, but looks like an address`, {
      hint: `to listen there, write metalkit serve --port ${path}`,
    })
  }
  signal.throwIfAborted()
  const tls = await chooseTls(options.tlsCert, options.tlsKey)
  const content = { kind: 'folder', path } as const
  await using server = await new Promise<Server>((resolve, reject) => {
    // The folder may be on a file system that hangs.
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    startServer({ listen: options.port, content, tls, report, forced }).then(resolve, reject)
  })
  reportServed(server, report)
  using _table = showBoots(server, context)
  report.info(`serving ${path} at ${server.url}/`)
  for (const url of outsideUrls(server.address, tls !== undefined)) report.info(`also at ${url}/`)
  if (!signal.aborted) await once(signal, 'abort')
  // A stop signal is the normal end; a lost terminal or a defect is not.
  const { reason } = signal
  if (!(reason instanceof InterruptedError) || reason.signal === 'SIGHUP') throw reason
  // The shell's prompt would otherwise follow the terminal's ^C on the same line.
  if (reason.signal === 'SIGINT' && context.stderr.isTTY === true) report.info('')
}
