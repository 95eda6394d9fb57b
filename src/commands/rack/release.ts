// metalkit rack release: a machine may be switched off and used.
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { askRack, requireRack } from './find-rack.ts'

/** Releases the machine, and prints what that means for it. */
export async function execute(
  { machine }: { machine: string },
  { labName }: Options<'labName'>,
  context: Context,
): Promise<void> {
  const rack = await requireRack(labName, context)
  const path = `/lab/machines/${encodeURIComponent(machine)}/release`
  const answer = await askRack(rack, { method: 'POST', path, signal: context.signal })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rack's own answer
  const { holder, why, isOther } = answer as { holder?: string; why?: string; isOther: boolean }
  if (holder !== undefined && why === undefined) {
    const words = isOther ? 'has a new BMC, as you say' : 'is off, as you say'
    context.report.info(`${machine} ${words}; its device still has it.`)
  } else if (why === undefined) context.report.info(`${machine} may be used.`)
  else context.report.warn(`${machine} is released, but cannot be used yet: ${why}`)
}
