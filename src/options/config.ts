// metal.yaml, the file metal-cli keeps: `token` and `project-id` are read, everything else is left alone.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { describeCondition, errorCode, UsageError } from '../errors.ts'
import { homeFolder } from '../files/home-folder.ts'

const schema = z
  .object({ token: z.string(), 'project-id': z.string() })
  .partial()
  .nullish()
  .transform((config) => config ?? {})

/**
 * Reads `$METAL_CONFIG`, else `~/.config/equinix/metal.yaml`. A default file that is not there is an empty one.
 * @throws UsageError when it cannot be read or is not what it should be; its contents are never quoted
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
  const result = schema.safeParse(document)
  if (!result.success) {
    const where = result.error.issues[0]?.path.join('.') || 'the document'
    throw new UsageError(`in the configuration file "${path}", ${where} is not what it should be`, {
      hint: 'token and project-id are strings',
    })
  }
  return { path, values: result.data }
}
