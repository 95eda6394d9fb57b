import type { Context } from '../io.ts'
import type { PushOptions } from './index.ts'

export async function execute(
  args: readonly (string | undefined)[],
  options: PushOptions,
  context: Context,
): Promise<void> {
  context.report.info(`${args.join(' ')} ${JSON.stringify(options)}`)
}
