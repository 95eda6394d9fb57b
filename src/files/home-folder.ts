// The user's name and home folder; a container may know neither.
import { userInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import { UsageError } from '../errors.ts'

type Environment = Record<string, string | undefined>

/** The entry of the passwd file, or undefined for a user id without one: Node throws then. */
function passwdEntry(): { username: string; homedir: string } | undefined {
  try {
    return userInfo()
  } catch {
    return undefined
  }
}

/**
 * `$HOME`, else the passwd entry's folder, else `/`, which is what container engines choose for such a user.
 * @throws UsageError if HOME is empty or relative: it would name a folder in the current one
 */
export function homeFolder(env: Environment): string {
  const home = env['HOME']
  if (home === undefined) return passwdEntry()?.homedir || '/'
  if (!isAbsolute(home)) {
    throw new UsageError(`HOME is "${home}", which is not an absolute path`, {
      hint: 'set it to your home folder or unset it',
    })
  }
  return home
}

/** The name of the passwd entry, else `$USER` or `$LOGNAME`, else `uid-1000`. */
export function userName(env: Environment): string {
  return passwdEntry()?.username || env['USER'] || env['LOGNAME'] || `uid-${process.getuid?.() ?? 'unknown'}`
}
