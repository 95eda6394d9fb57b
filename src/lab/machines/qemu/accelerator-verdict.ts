// What the trial of an accelerator came to, kept for as long as nothing that it depends on changes: this start of the computer,
// its kernel, and the QEMU.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'
import { z } from 'zod'

import { replaceFile } from '../../state/private-file.ts'

const verdictSchema = z.object({ conditions: z.string(), flaw: z.string().nullable() })

/** What one start of this computer is called; undefined where the system does not say. */
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

/** What a verdict is about. */
interface Question {
  /** QEMU's version. */
  version: string
  accelerator: string
}

async function describeConditions({ version, accelerator }: Question): Promise<string | undefined> {
  const boot = await nameBoot()
  return boot === undefined ? undefined : [boot, release(), version, accelerator].join('\n')
}

/** The verdict that still holds, if there is one. `flaw` says why the accelerator does not work, null that it does. */
export async function readVerdict(path: string, question: Question): Promise<{ flaw: string | null } | undefined> {
  const [conditions, text] = await Promise.all([
    describeConditions(question),
    readFile(path, 'utf8').catch(() => undefined),
  ])
  if (text === undefined || conditions === undefined) return undefined
  try {
    const kept = verdictSchema.parse(JSON.parse(text))
    return kept.conditions === conditions ? kept : undefined
  } catch {
    return undefined
  }
}

/** Keeps a verdict in a folder that exists. One that cannot be kept only costs the next lab a trial. */
export async function writeVerdict(path: string, verdict: Question & { flaw: string | null }): Promise<void> {
  const conditions = await describeConditions(verdict)
  if (conditions === undefined) return
  try {
    await replaceFile(path, `${JSON.stringify({ conditions, flaw: verdict.flaw })}\n`)
  } catch {
    // No folder yet, or a full or read-only disk: nothing else depends on it.
  }
}
