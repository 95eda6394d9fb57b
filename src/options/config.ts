// metal.yaml, metal-cli's configuration file: reads `token` and `project-id`, and ignores everything else.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { homeFolder } from '../files/home-folder.ts'

/** The keys, each with other names that people use for it, from flags, variables and other programs. */
const keys: Readonly<Record<string, readonly string[]>> = {
  token: ['api-key', 'api-token', 'auth-token', 'metal-api-token', 'metal-auth-token'],
  'project-id': ['project', 'metal-project-id'],
}

const schema = z
  .object({ token: z.string(), 'project-id': z.string() })
  .partial()
  .nullish()
  .transform((config) => config ?? {})

/** A key without what distinguishes `project-id`, `project_id`, `projectId` and `PROJECT_ID`. */
function fold(key: string): string {
  return key.toLowerCase().replaceAll(/[-_. ]/g, '')
}

/** The keys in lower case, as metal-cli reads them. @throws UsageError for another spelling of a missing key */
function readKeys(path: string, document: unknown): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document
  const values = Object.fromEntries(Object.entries(document).map(([key, value]) => [key.toLowerCase(), value]))
  for (const [key, names] of Object.entries(keys)) {
    const other = Object.keys(document).find((writtenKey) =>
      [key, ...names].some((name) => fold(writtenKey) === fold(name)),
    )
    if (other === undefined || values[key] !== undefined) continue
    throw new UsageError(`the configuration file "${path}" has the unknown key ${JSON.stringify(other)}`, {
      hint: `write it as ${key}`,
    })
  }
  return values
}

/**
 * Reads `$METAL_CONFIG`, else `~/.config/equinix/metal.yaml`. A missing default file counts as empty.
 * @throws UsageError if it cannot be read or is malformed; never quotes its contents
 */
export async function readConfig(
  env: Record<string, string | undefined>,
): Promise<{ path: string; values: Record<string, string | undefined> }> {
  const named = env['METAL_CONFIG']
  const path = named || join(homeFolder(env), '.config', 'equinix', 'metal.yaml')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (!named && errorCode(error) === 'ENOENT') return { path, values: {} }
    throw new UsageError(`the configuration file "${path}" cannot be read: ${describeCondition(error)}`, {
      hint: named ? 'METAL_CONFIG names it; correct or unset it' : 'correct its permissions',
    })
  }
  let document: unknown
  try {
    document = parse(text)
  } catch {
    throw new UsageError(`the configuration file "${path}" is not YAML`, {
      hint: 'it holds lines such as "token: ..." and "project-id: ..."',
    })
  }
  const result = schema.safeParse(readKeys(path, document))
  if (!result.success) {
    const where = result.error.issues[0]?.path.join('.') || 'the document'
    throw new UsageError(`in the configuration file "${path}", ${where} is not valid`, {
      hint: 'token and project-id are strings',
    })
  }
  return { path, values: result.data }
}
