// Processes that must not outlive the lab, not even after kill -9: Linux can send them a signal when their parent dies.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { identifyProgram, keepAnswer, readKeptAnswer } from './kept-answer.ts'

/** The program of util-linux that puts a process on the leash. */
export const leashProgram = 'setpriv'

async function tryLeash(program: string): Promise<boolean> {
  try {
    await promisify(execFile)(program, ['--pdeathsig', 'KILL', '--', 'true'])
    return true
  } catch {
    return false
  }
}

async function recallLeash(program: Promise<string | undefined>, stateFolder: string): Promise<boolean> {
  const path = await program
  if (path === undefined) return false
  const keptPath = join(stateFolder, 'setpriv.json')
  const conditions = await identifyProgram(path)
  if ((await readKeptAnswer(keptPath, conditions)) !== undefined) return true
  const works = await tryLeash(path)
  // A failure may have been this computer's: without processes to spare, for example.
  if (works) await keepAnswer(keptPath, conditions, {})
  return works
}

let hasLeash: Promise<boolean> | undefined

/**
 * Starts to find out whether setpriv works, so that the first process need not wait for the result. BusyBox has one that does not.
 * To try it takes as long as loading a part of the lab, so labs remember one that works.
 * @param program its path; undefined if there is none
 */
export function prepareLeash(program: Promise<string | undefined>, stateFolder: string): void {
  hasLeash ??= recallLeash(program, stateFolder).catch(() => false)
}

/**
 * Wraps `command` so that it gets `signal` when this process dies. If util-linux's setpriv is missing it returns
 * the command unchanged: then only an orderly shutdown ends it. Either way the process id and the exit status are the command's own.
 */
export async function leash(command: readonly string[], signal: 'KILL' | 'TERM'): Promise<string[]> {
  hasLeash ??= tryLeash(leashProgram)
  return (await hasLeash) ? [leashProgram, '--pdeathsig', signal, '--', ...command] : [...command]
}
