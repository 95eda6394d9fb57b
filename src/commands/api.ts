// The API that the flags name, for every command that asks it.
import { UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import { MetalClient } from '../metal/client.ts'
import type { FlagName, Options } from '../options/flags.ts'
import { requireOption } from '../options/precedence.ts'

/** What to do if the shell does not know the lab that runs, or if no cloud is configured at all; undefined if neither helps. */
async function findLabHint(env: Context['env']): Promise<string | undefined> {
  const { stateFolderOf } = await import('./lab-control.ts')
  const { listRunningLabs } = await import('../lab/running-labs.ts')
  const labs = await listRunningLabs(stateFolderOf(env)).catch(() => [])
  const [lab] = labs.filter(({ name }) => name !== undefined)
  if (lab !== undefined) {
    const flag = lab.name === 'default' ? '' : ` --name ${lab.name}`
    return `a lab runs on this computer; to use it, run: eval "$(metalkit lab env${flag})"`
  }
  return undefined
}

/** A value the cloud cannot be asked without. @throws UsageError that names the lab first, then the other ways to give it */
export async function requireCloudOption(
  name: FlagName & ('apiKey' | 'projectId'),
  given: string | undefined,
  { env }: Context,
): Promise<string> {
  try {
    return requireOption(name, given)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const start = 'to try metalkit without an account, start a cloud on this computer: metalkit lab'
    const hint = `${(await findLabHint(env)) ?? start}; else ${error.hint}`
    throw new UsageError(error.message, { hint })
  }
}

/** A client of --api-url with the token of --api-key. @throws UsageError if there is no token */
export async function openClient(options: Options<'apiUrl' | 'apiKey'>, context: Context): Promise<MetalClient> {
  const { env, report, clock } = context
  const token = await requireCloudOption('apiKey', options.apiKey, context)
  return new MetalClient({ apiUrl: options.apiUrl, token, env, report, clock })
}
