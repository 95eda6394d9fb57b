// metalkit rack env: prints the variables that a shell needs to use a rack.
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { quoteValue } from '../../text/shell-word.ts'
import { requireRack } from './find-rack.ts'

/** Prints export lines. */
export async function execute(_args: unknown, { labName }: Options<'labName'>, context: Context): Promise<void> {
  const { environment } = await requireRack(labName, context)
  for (const [name, value] of Object.entries(environment)) {
    context.stdout.write(`export ${name}=${quoteValue(value)}\n`)
  }
}
