// QEMUs that a killed lab left behind, where nothing held them on a leash.
import { readFileSync } from 'node:fs'
import { readdir, readlink, stat } from 'node:fs/promises'
import { basename } from 'node:path'

import type { Reporter } from '../../../io.ts'
import { findProcess } from '../../state/process-name.ts'
import { diskArgument, escapeValue, parseMark } from './args.ts'

/**
 * The process that a QEMU belongs to; undefined for a command line that is no QEMU of a lab with disks below this folder.
 * Only a command line that a lab itself has made passes.
 */
export function findOwner(argv: readonly string[], diskFolder: string): string | undefined {
  if (!basename(argv[0] ?? '').startsWith('qemu-system-')) return undefined
  if (!argv.some((word) => word.startsWith(`${diskArgument}${escapeValue(diskFolder)}/`))) return undefined
  return parseMark(argv[argv.indexOf('-name') + 1] ?? '')?.owner
}

/** A process's command line; '' if it has ended meanwhile. Read at once: for hundreds of processes a promise each takes longer. */
function readCommandLine(folder: string): string {
  try {
    return readFileSync(`${folder}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** Whether a process is this user's, and its number means the same to it as to this one (not another container's). */
async function isNear(folder: string): Promise<boolean> {
  const [{ uid }, theirs, ours] = await Promise.all([
    stat(folder),
    readlink(`${folder}/ns/pid`),
    readlink('/proc/self/ns/pid'),
  ])
  return uid === process.getuid?.() && theirs === ours
}

/**
 * Ends the QEMUs whose lab is gone and whose disk is below this folder, and no other process. Without /proc none are found.
 * @returns how many there were
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
    report.warn(`the machine of a lab that was killed still ran, as process ${name}, and is ended`)
    try {
      process.kill(Number(name), 'SIGKILL')
      count++
    } catch {
      // It has ended by itself.
    }
  }
  return count
}
