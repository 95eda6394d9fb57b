// metalkit man: the manual page, which the build keeps as dist/metalkit.1.
import manifest from '../../package.json' with { type: 'json' }
import { manPage } from '../help/man-page.ts'
import type { Context } from '../io.ts'
import { commands } from './index.ts'

/** Prints the page, in roff. Its date is today, or the date in SOURCE_DATE_EPOCH. */
export async function execute(_args: unknown, _options: object, { stdout, env }: Context): Promise<void> {
  const epoch = env['SOURCE_DATE_EPOCH']
  const made = epoch ? new Date(Number(epoch) * 1000) : new Date()
  const { version, description: summary } = manifest
  stdout.write(manPage(commands, { version, date: made.toISOString().slice(0, 10), summary: `${summary}.` }))
}
