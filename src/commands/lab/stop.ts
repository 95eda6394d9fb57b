// metalkit lab stop: ends a lab.
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { endLab } from '../../lab/storage/end-lab.ts'
import { kindOf } from '../../lab/storage/running-labs.ts'
import { requireLab } from './find-lab.ts'

/** Ends the lab, and waits until its machines are off. */
export async function execute(_args: unknown, { labName }: Options<'labName'>, context: Context): Promise<void> {
  const lab = await requireLab(labName, context)
  await endLab(lab, context.signal)
  context.report.info(`The ${kindOf(lab)} ${lab.name === undefined ? '' : `"${lab.name}" `}has ended.`)
}
