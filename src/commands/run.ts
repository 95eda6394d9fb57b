import type { Context } from '../io.ts'
import type { RunOptions } from './index.ts'

export async function execute(
  args: readonly (string | undefined)[],
  options: RunOptions,
  context: Context,
): Promise<void> {
  context.report.info(`${args.join(' ')} ${JSON.stringify(options)}`)
}
