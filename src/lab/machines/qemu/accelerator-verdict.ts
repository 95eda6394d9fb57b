// The result of an accelerator's trial, kept until something that it depends on changes: the current boot of this computer,
// its kernel, or QEMU.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'

import { writePrivateFile } from '../../storage/private-file.ts'

/** A verdict as its file has it. Without a schema: to load zod takes a tenth of a lab's start. */
interface Kept {
  conditions: string
  flaw: string | null
}

function isKept(json: unknown): json is Kept {
  if (typeof json !== 'object' || json === null || !('conditions' in json) || !('flaw' in json)) return false
  return typeof json.conditions === 'string' && (json.flaw === null || typeof json.flaw === 'string')
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

/** The question that a verdict answers. */
interface Question {
  /** QEMU's version. */
  version: string
  accelerator: string
}

async function describeConditions({ version, accelerator }: Question): Promise<string | undefined> {
  const boot = await nameBoot()
  return boot === undefined ? undefined : [boot, release(), version, accelerator].join('\n')
}

/** Reads a verdict that still holds, if there is one. `flaw` says why the accelerator does not work; null means that it works. */
export async function readVerdict(path: string, question: Question): Promise<{ flaw: string | null } | undefined> {
  const [conditions, text] = await Promise.all([
    describeConditions(question),
    readFile(path, 'utf8').catch(() => undefined),
  ])
  if (text === undefined || conditions === undefined) return undefined
  try {
    const kept: unknown = JSON.parse(text)
    return isKept(kept) && kept.conditions === conditions ? kept : undefined
  } catch {
    return undefined
  }
}

/** Writes a verdict into an existing folder. If that fails, the next lab only has to repeat the trial. */
export async function writeVerdict(path: string, verdict: Question & { flaw: string | null }): Promise<void> {
  const conditions = await describeConditions(verdict)
  if (conditions === undefined) return
  try {
    await writePrivateFile(path, `${JSON.stringify({ conditions, flaw: verdict.flaw })}\n`)
  } catch {
    // There is no folder yet, or the disk is full or read-only: nothing else depends on the verdict.
  }
}
