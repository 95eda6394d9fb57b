// The SSH keys that a new device gets.
import { z } from 'zod/mini'

import type { Cloud } from '../../cloud/cloud.ts'
import { createKeyRecord, type KeyRecord } from '../../cloud/account/key-record.ts'
import { type Checked, flag, texts } from './check.ts'

/** The fields of a create request that concern keys. */
export const keyFields = {
  no_ssh_keys: z.nullish(flag),
  project_ssh_keys: z.nullish(texts),
  user_ssh_keys: z.nullish(texts),
  ssh_keys: z.nullish(z.array(z.looseObject({ key: z.string(), label: z.nullish(z.string()) }))),
}
type KeyInput = z.infer<z.ZodMiniObject<typeof keyFields>>

/** Chooses the keys of a new device: the keys named, or by default all. Keys given in full are added to the project. */
export function chooseKeys(
  input: KeyInput,
  cloud: Cloud,
  projectId: string,
): Checked<{ ids: string[]; added: KeyRecord[] }> {
  if (input.no_ssh_keys === true) return { value: { ids: [], added: [] } }
  const projectKeys = input.project_ssh_keys ?? []
  const users = input.user_ssh_keys ?? []
  const inlineKeys = input.ssh_keys ?? []
  const all = [...cloud.keys.values()].filter((key) => key.projectId === undefined || key.projectId === projectId)
  if (projectKeys.length + users.length + inlineKeys.length === 0) {
    return { value: { ids: all.map((key) => key.id), added: [] } }
  }
  const unknown = [
    ...projectKeys.filter((id) => cloud.keys.get(id)?.projectId !== projectId),
    ...users.filter((id) => id !== cloud.userId),
  ]
  const added: KeyRecord[] = []
  const errors = unknown.map((id) => `${id} is not a valid ssh key`)
  const ids = new Set(projectKeys)
  for (const key of users.length > 0 ? all : []) if (key.projectId === undefined) ids.add(key.id)
  for (const { key, label } of inlineKeys) {
    const record = createKeyRecord(projectId, key, label ?? '')
    const known = all.find(({ fingerprint }) => fingerprint === record?.fingerprint)
    if (record === undefined) errors.push('Key is invalid')
    else if (known === undefined) added.push(record)
    ids.add(known?.id ?? record?.id ?? '')
  }
  return errors.length > 0 ? { errors } : { value: { ids: [...ids], added } }
}
