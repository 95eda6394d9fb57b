// A cloud, made from the flags.
import { ConsoleError, UsageError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Cloud, CloudContext } from '../../machine/cloud.ts'
import type { MetalOptions } from '../../metal/equinix-metal.ts'
import { type FlagName, flags } from '../../options/flags.ts'
import { requireOption } from '../../options/precedence.ts'

/** Advice for a shell without a lab's variables while a lab runs; undefined if none runs. */
async function findLabHint(env: Context['env']): Promise<string | undefined> {
  const { stateFolderOf } = await import('../../lab/storage/state-paths.ts')
  const { listRunningLabs, nameFlag } = await import('../../lab/storage/running-labs.ts')
  const labs = await listRunningLabs(stateFolderOf(env)).catch(() => [])
  const name = labs.find((lab) => lab.name !== undefined)?.name
  if (name === undefined) return undefined
  return `a lab runs on this computer; to use it, run: eval "$(metalkit lab env${nameFlag(name)})"`
}

/** A value that API calls need. @throws UsageError that suggests the lab first, then the other ways to set the value */
async function requireCloudOption(name: FlagName, value: string | undefined, { env }: Context): Promise<string> {
  try {
    return requireOption(name, value)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const start = 'to try metalkit without an account, start a cloud on this computer: metalkit lab'
    const hint = `${(await findLabHint(env)) ?? start}; otherwise ${error.hint}`
    throw new UsageError(error.message, { hint })
  }
}

/** Without a token while a lab runs, lets an error about keys advise using the lab, whose variables name its key. */
export async function adviseLab(error: unknown, apiKey: string | undefined, env: Context['env']): Promise<never> {
  const hint = apiKey === undefined && error instanceof ConsoleError ? await findLabHint(env) : undefined
  if (hint === undefined || !(error instanceof ConsoleError)) throw error
  throw new ConsoleError(error.message, { hint, cause: error })
}

function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(flags, name)
}

/** The surroundings of a cloud. @param isLenient true to do without missing values, for what needs no API */
export function cloudContextOf(context: Context, isLenient = false): CloudContext {
  return {
    ...context,
    async require(flag, value) {
      if (isLenient) return value ?? ''
      if (!isFlagName(flag)) throw new TypeError(`no flag ${flag}`)
      return await requireCloudOption(flag, value, context)
    },
  }
}

/** The cloud of a command's flags. @throws UsageError without credentials */
export async function openCloud(options: MetalOptions, context: Context, isLenient = false): Promise<Cloud> {
  const { open } = await import('../../metal/equinix-metal.ts')
  return await open(options, cloudContextOf(context, isLenient))
}
