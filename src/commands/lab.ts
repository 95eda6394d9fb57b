import type { Context } from '../io.ts'
import type { LabOptions } from './index.ts'

export async function execute(
  args: readonly (string | undefined)[],
  options: LabOptions,
  context: Context,
): Promise<void> {
  context.report.info(`${args.join(' ')} ${JSON.stringify(options)}`)
}
