import type { Context } from '../io.ts'
import type { AttachOptions } from './index.ts'

export async function execute(
  args: readonly (string | undefined)[],
  options: AttachOptions,
  context: Context,
): Promise<void> {
  context.report.info(`${args.join(' ')} ${JSON.stringify(options)}`)
}
