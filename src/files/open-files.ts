// How many files and connections this process may have open at once. A server that is short of them drops connections
// unanswered, and the client sees only a closed connection: so the limit is checked first, when the true reason can be reported.
import { readFileSync } from 'node:fs'
import type { LabError, ServeError } from '../errors.ts'

/** A server needs about twenty for itself, and a booting machine takes two per request. */
const fewest = 64

/** What to do if the limit is too low; Node has already raised the soft limit to the hard one. */
export const openFilesHint = 'raise the limit where it is set (ulimit -n 1024, docker run --ulimit nofile=1024)'

/** The limit on open files; infinite if the system has no /proc. */
function openFilesLimit(): number {
  let limits = ''
  try {
    limits = readFileSync('/proc/self/limits', 'utf8')
  } catch {
    // Other systems have no such file.
  }
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity)
}

/** Refuses a limit on open files that is too low to serve, with an error of this class. */
export function checkOpenFiles(Refusal: typeof LabError | typeof ServeError): void {
  const limit = openFilesLimit()
  if (limit >= fewest) return
  throw new Refusal(`${limit} open files are too few: serving machines needs ${fewest}`, { hint: openFilesHint })
}
