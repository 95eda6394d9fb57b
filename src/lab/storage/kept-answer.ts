// Answers that are slow to find, cached in files until something that they depend on changes: the current boot of this computer,
// its kernel, or a condition that the caller names.
import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'

import { readJson } from '../../text/json.ts'
import { writePrivateFile } from './private-file.ts'

/** An answer as its file has it. There is no schema, because loading zod would take longer than finding some of the answers. */
type Answer = Readonly<Record<string, unknown>>

function isAnswer(json: unknown): json is Answer {
  return typeof json === 'object' && json !== null
}

/** An id of this computer's current boot; undefined if the system has none. */
async function nameBoot(): Promise<string | undefined> {
  if (process.platform !== 'darwin') {
    return await readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    )
  }
  return await promisify(execFile)('sysctl', ['-n', 'kern.bootsessionuuid']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )
}

async function describeConditions(conditions: readonly string[]): Promise<string | undefined> {
  const boot = await nameBoot()
  return boot === undefined ? undefined : [boot, release(), ...conditions].join('\n')
}

/** Conditions that hold as long as a program's file is the same: its path, and what an update changes. Rejects if it does not exist. */
export async function identifyProgram(path: string): Promise<string[]> {
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path)
  return [path, [dev, ino, size, mtimeMs, ctimeMs].join(' ')]
}

/** Reads an answer that is still valid, if there is one. */
export async function readKeptAnswer(path: string, conditions: readonly string[]): Promise<Answer | undefined> {
  const [wanted, text] = await Promise.all([
    describeConditions(conditions),
    readFile(path, 'utf8').catch(() => undefined),
  ])
  if (text === undefined || wanted === undefined) return undefined
  const kept = readJson(text)
  return isAnswer(kept) && kept['conditions'] === wanted ? kept : undefined
}

/** Keeps an answer in an existing folder. If that fails, the next lab only has to find it again. */
export async function keepAnswer(path: string, conditions: readonly string[], answer: Answer): Promise<void> {
  const wanted = await describeConditions(conditions)
  if (wanted === undefined) return
  try {
    await writePrivateFile(path, `${JSON.stringify({ conditions: wanted, ...answer })}\n`)
  } catch {
    // The folder does not exist yet, or the disk is full or read-only: nothing else depends on the answer.
  }
}
