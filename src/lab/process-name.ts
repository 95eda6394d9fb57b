// Processes as files name them: by number, and by when they started where Linux says so, since numbers come again.
import { readFile } from 'node:fs/promises'

import { errorCode } from '../errors.ts'

/** A process's number and start, `4711 130948`; the number alone where there is no /proc. */
export async function nameProcess(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '')
  // After the command, which is in parentheses and may hold anything, the 20th field is the start (proc(5), 22 in all).
  return `${String(pid)} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`.trim()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** The number of the process that `name` names, where that very process still runs. */
export async function findProcess(name: string): Promise<number | undefined> {
  const pid = Number.parseInt(name)
  return pid > 0 && isAlive(pid) && (await nameProcess(pid)) === name ? pid : undefined
}
