// QEMU processes that a killed lab left behind, on computers where no leash ends them.
import { readFileSync } from 'node:fs'
import { readdir, readlink, stat } from 'node:fs/promises'
import { basename } from 'node:path'

import type { Reporter } from '../../../io.ts'
import { findProcess } from '../../storage/process-name.ts'
import { diskArgument, escapeValue, parseMark } from './args.ts'

/**
 * Finds the lab process that owns a QEMU. Undefined unless the command line is one that a lab makes and its disk is under this folder.
 */
export function findOwner(argv: readonly string[], diskFolder: string): string | undefined {
  if (!basename(argv[0] ?? '').startsWith('qemu-system-')) return undefined
  if (!argv.some((word) => word.startsWith(`${diskArgument}${escapeValue(diskFolder)}/`))) return undefined
  return parseMark(argv[argv.indexOf('-name') + 1] ?? '')?.owner
}

/** Reads a process's command line; '' if it has ended meanwhile. Synchronous, because a promise for each of hundreds of processes is slower. */
function readCommandLine(folder: string): string {
  try {
    return readFileSync(`${folder}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** Whether a process belongs to this user and is in the same process namespace (not in another container). */
async function isNear(folder: string): Promise<boolean> {
  const [{ uid }, theirs, ours] = await Promise.all([
    stat(folder),
    readlink(`${folder}/ns/pid`),
    readlink('/proc/self/ns/pid'),
  ])
  return uid === process.getuid?.() && theirs === ours
}

/**
 * Kills the QEMU processes whose lab is gone and whose disk is under this folder, and no others. Without /proc it kills none.
 * @returns the number of processes killed
 */
export async function endOrphans(diskFolder: string, report: Reporter): Promise<number> {
  let count = 0
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const folder = `/proc/${name}`
    const commandLine = readCommandLine(folder)
    const owner = findOwner(commandLine.split('\0'), diskFolder)
    if (owner === undefined || !(await isNear(folder).catch(() => false))) continue
    if ((await findProcess(owner)) !== undefined) continue
    report.warn(`killed process ${name}, a machine that a killed lab had left running`)
    try {
      process.kill(Number(name), 'SIGKILL')
      count++
    } catch {
      // It has ended already.
    }
  }
  return count
}
