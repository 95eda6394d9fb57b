// Which SSH keys a new device gets.
import { z } from 'zod'

import type { Cloud } from '../../cloud/cloud.ts'
import { createKeyRecord } from '../../cloud/key-record.ts'
import type { KeyRecord } from '../../cloud/key-record.ts'
import type { Checked } from './check.ts'

/** The fields of a create that are about keys. */
export const keyFields = {
  no_ssh_keys: z.boolean().nullish(),
  project_ssh_keys: z.array(z.string()).nullish(),
  user_ssh_keys: z.array(z.string()).nullish(),
  ssh_keys: z.array(z.looseObject({ key: z.string(), label: z.string().nullish() })).nullish(),
}
type KeyInput = z.infer<z.ZodObject<typeof keyFields>>

/** The keys of a new device: those named, or all there are. Keys given in full become the project's. */
export function chooseKeys(input: KeyInput, cloud: Cloud): Checked<{ ids: string[]; added: KeyRecord[] }> {
  if (input.no_ssh_keys === true) return { value: { ids: [], added: [] } }
  const projectKeys = input.project_ssh_keys ?? []
  const users = input.user_ssh_keys ?? []
  const given = input.ssh_keys ?? []
  const all = [...cloud.keys.values()]
  if (projectKeys.length + users.length + given.length === 0) {
    return { value: { ids: all.map((key) => key.id), added: [] } }
  }
  const unknown = [
    ...projectKeys.filter((id) => cloud.keys.get(id)?.owner !== 'project'),
    ...users.filter((id) => id !== cloud.userId),
  ]
  const added: KeyRecord[] = []
  const errors = unknown.map((id) => `${id} is not a valid ssh key`)
  const ids = new Set(projectKeys)
  for (const key of users.length > 0 ? all : []) if (key.owner === 'user') ids.add(key.id)
  for (const { key, label } of given) {
    const record = createKeyRecord('project', key, label ?? '')
    const known = all.find((one) => one.fingerprint === record?.fingerprint)
    if (record === undefined) errors.push('Key is invalid')
    else if (known === undefined) added.push(record)
    ids.add(known?.id ?? record?.id ?? '')
  }
  return errors.length > 0 ? { errors } : { value: { ids: [...ids], added } }
}
