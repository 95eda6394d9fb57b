// metalkit lab page: prints the link to a lab's page.
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { requireLab } from './find-lab.ts'

/** Prints the link. The token is in the fragment, which browsers do not send. */
export async function execute(_args: unknown, { labName }: Options<'labName'>, context: Context): Promise<void> {
  const { origin, token } = await requireLab(labName, context)
  context.stdout.write(`${new URL('/', origin).href}#token=${encodeURIComponent(token)}\n`)
}
