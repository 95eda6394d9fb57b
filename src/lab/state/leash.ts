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

/** Begins to find out whether processes can be held, so that the first of them need not wait for it. */
export function prepareLeash(): void {
  hasLeash ??= findLeash()
}

/**
 * The command that runs `command` so that it gets `signal` when this process dies. Where util-linux's setpriv is missing it is
 * the command itself: then only an orderly end takes it down. The process id and the exit are the command's own either way.
 */
export async function leash(command: readonly string[], signal: 'KILL' | 'TERM'): Promise<string[]> {
  hasLeash ??= findLeash()
  return (await hasLeash) ? ['setpriv', '--pdeathsig', signal, '--', ...command] : [...command]
}
