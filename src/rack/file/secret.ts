// Reads the secrets that a rack's file points to.
import { readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { UsageError } from '../../errors.ts'
import { describeCondition } from '../../text/system-error.ts'
import type { Secret } from './fields.ts'

/** Where secrets are looked for. */
export interface SecretSources {
  /** The folder of the rack's file. */
  folder: string
  env: Record<string, string | undefined>
}

/** A secret's value, without the line end of its file. `what` names it in errors: `the BMC password of "r1"`. @throws UsageError */
export async function readSecret(secret: Secret, what: string, { folder, env }: SecretSources): Promise<string> {
  if ('env' in secret) {
    const value = env[secret.env]
    if (value === undefined || value === '') {
      throw new UsageError(`${what} is missing: the variable ${secret.env} is ${value === '' ? 'empty' : 'not set'}`)
    }
    return value
  }
  const path = isAbsolute(secret.file) ? secret.file : join(folder, secret.file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${what} cannot be read from "${path}": ${describeCondition(error)}`)
  }
  const value = text.replace(/\r?\n$/, '')
  if (value === '') throw new UsageError(`${what} is missing: the file "${path}" is empty`)
  if (/[\r\n\0]/.test(value)) throw new UsageError(`${what} in "${path}" has more than one line`)
  return value
}
