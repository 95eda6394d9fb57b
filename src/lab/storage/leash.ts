// Processes that must not outlive the lab, not even after kill -9: Linux can send them a signal when their parent dies.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

async function findLeash(): Promise<boolean> {
  try {
    await execFileAsync('setpriv', ['--pdeathsig', 'KILL', '--', 'true'])
    return true
  } catch {
    return false
  }
}

let hasLeash: Promise<boolean> | undefined

/** Starts to test whether setpriv works, so that the first process need not wait for the result. */
export function prepareLeash(): void {
  hasLeash ??= findLeash()
}

/**
 * Wraps `command` so that it gets `signal` when this process dies. If util-linux's setpriv is missing it returns
 * the command unchanged: then only an orderly shutdown ends it. Either way the process id and the exit status are the command's own.
 */
export async function leash(command: readonly string[], signal: 'KILL' | 'TERM'): Promise<string[]> {
  hasLeash ??= findLeash()
  return (await hasLeash) ? ['setpriv', '--pdeathsig', signal, '--', ...command] : [...command]
}
