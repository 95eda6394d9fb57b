import type { Context } from '../io.ts'
import type { ServeOptions } from './index.ts'

export async function execute(
  args: readonly (string | undefined)[],
  options: ServeOptions,
  context: Context,
): Promise<void> {
  context.report.info(`${args.join(' ')} ${JSON.stringify(options)}`)
}
