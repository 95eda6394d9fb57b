// What QEMU reports about itself. To ask takes two processes and as long as loading a part of the lab, so labs keep the answer.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { identifyProgram, keepAnswer, readKeptAnswer } from '../../storage/kept-answer.ts'

/** QEMU for x86_64 machines. */
export const x86Program = 'qemu-system-x86_64'

/** QEMU for aarch64 machines. */
export const arm64Program = 'qemu-system-aarch64'

/** QEMU's report about itself. */
export interface QemuLook {
  /** The folders that it searches for firmware. */
  folders: readonly string[]
  /** The first line of its version text. */
  version: string
}

/** Queries QEMU. Rejects with the system's error if it does not start. */
export async function lookAtQemu(program: string, signal?: AbortSignal): Promise<QemuLook> {
  const ask = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(program, args, signal === undefined ? {} : { signal })
    return stdout.split('\n').filter((line) => line !== '')
  }
  const [folders, [version = '']] = await Promise.all([ask('-L', 'help'), ask('--version')])
  return { folders, version }
}

function isLook(answer: Readonly<Record<string, unknown>>): answer is Readonly<Record<string, unknown>> & QemuLook {
  const { folders, version } = answer
  return typeof version === 'string' && Array.isArray(folders) && folders.every((folder) => typeof folder === 'string')
}

/** The same for the program at `path`, from the state folder if that very file has been queried since this computer's boot. */
export async function recallQemu(path: string, stateFolder: string, signal?: AbortSignal): Promise<QemuLook> {
  const keptPath = join(stateFolder, 'qemu.json')
  const conditions = await identifyProgram(path)
  const kept = await readKeptAnswer(keptPath, conditions)
  if (kept !== undefined && isLook(kept)) return kept
  const look = await lookAtQemu(path, signal)
  await keepAnswer(keptPath, conditions, { ...look })
  return look
}
