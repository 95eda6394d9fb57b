// How many files and connections this process may have open at once. A server that is short of them drops connections
// unheard, and whoever asked hears of a closed connection: so it is looked at before, where the true reason can be told.
import { readFileSync } from 'node:fs'

/** A server has about twenty of its own, and a machine that boots takes two for each request. */
const fewest = 64

/** What to do where there are too few; Node has raised the soft limit to the hard one already. */
export const openFilesHint = 'raise the limit where it is set (ulimit -n 1024, docker run --ulimit nofile=1024)'

/** What is wrong with the limit on open files; undefined where it is enough to serve, or the system has no /proc. */
export function openFilesProblem(): string | undefined {
  let limits = ''
  try {
    limits = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    // Other systems have no such file.
  }
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity)
  return limit >= fewest ? undefined : `${limit} open files are too few: to serve machines takes ${fewest}`
}
