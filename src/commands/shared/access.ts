// How commands reach hosts with SSH.
import { homeFolder, userName } from '../../files/home-folder.ts'
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { type AccessFinder, createAccessFinder } from '../../ssh/access.ts'
import { createPrompter } from '../../ssh/prompter.ts'

type AccessOptions = Options<'identity' | 'knownHosts'> & Partial<Options<'hostKey' | 'hostKeyPolicy'>>

/** Reaches hosts with SSH as the flags say, and otherwise as the user's ssh would. */
export function prepareAccess(options: AccessOptions, context: Context, wanted?: ReadonlySet<string>): AccessFinder {
  const { env, report } = context
  return createAccessFinder({
    home: homeFolder(env),
    localUser: userName(env),
    env,
    identityFiles: options.identity,
    knownHostsFile: options.knownHosts,
    pins: options.hostKey ?? [],
    acceptNew: options.hostKeyPolicy === 'accept-new',
    wanted,
    prompter: createPrompter(context),
    report,
  })
}
