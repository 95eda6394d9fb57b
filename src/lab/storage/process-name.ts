// Names of processes in files: the number, and on Linux also the start time, since numbers are reused.
import { readFile } from 'node:fs/promises'

import { errorCode } from '../../text/system-error.ts'

/** Reads a process's state, as a letter, and its start time from Linux; both are '' without /proc. */
async function readStat(pid: number): Promise<{ state: string; start: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The command is in parentheses and may contain any character; the 20th field after it is the start time (field 22 in proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}

function formatName(pid: number, start: string): string {
  return `${pid} ${start}`.trim()
}

/** A process's number and start time, `4711 130948`; only the number without /proc. */
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

/** The number of the process with this name, if that very process still runs. A zombie does not count as running. */
export async function findProcess(name: string): Promise<number | undefined> {
  const pid = Number.parseInt(name)
  if (!(pid > 0) || !isAlive(pid)) return undefined
  const { state, start } = await readStat(pid)
  return formatName(pid, start) === name && !/^[ZX]/.test(state) ? pid : undefined
}
