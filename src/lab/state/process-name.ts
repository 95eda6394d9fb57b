// Processes as files name them: by number, and by when they started where Linux says so, since numbers come again.
import { readFile } from 'node:fs/promises'

import { errorCode } from '../../errors.ts'

/** What Linux says of a process: a letter for its state, and when it started; '' each where there is no /proc. */
async function readStat(pid: number): Promise<{ state: string; start: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // After the command, which is in parentheses and may hold anything, the 20th field is the start (proc(5), 22 in all).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}

function formatName(pid: number, start: string): string {
  return `${pid} ${start}`.trim()
}

/** A process's number and start, `4711 130948`; the number alone where there is no /proc. */
export async function nameProcess(pid: number): Promise<string> {
  return formatName(pid, (await readStat(pid)).start)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** The number of the process that `name` names, where that very process still runs. One that has ended and waits for its parent does not. */
export async function findProcess(name: string): Promise<number | undefined> {
  const pid = Number.parseInt(name)
  if (!(pid > 0) || !isAlive(pid)) return undefined
  const { state, start } = await readStat(pid)
  return formatName(pid, start) === name && !/^[ZX]/.test(state) ? pid : undefined
}
