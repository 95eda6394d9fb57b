// SSH keys of the user and of the project (SSHKey.yaml).
import { z } from 'zod/mini'

import type { Cloud } from '../../cloud/cloud.ts'
import { createKeyRecord, type KeyRecord } from '../../cloud/account/key-record.ts'
import { created, type LabAnswer, noContent, notFound, ok, unprocessable } from '../../web/answer.ts'
import { keyView } from '../views/key.ts'
import { checkShape, texts } from '../input/check.ts'
import { withInput } from '../input/body.ts'
import type { Route } from '../../web/router.ts'
import { withProject } from './named.ts'

const inputSchema = z.looseObject({
  key: z.nullish(z.string()),
  label: z.nullish(z.string()),
  tags: z.nullish(texts),
  /** The devices that get the key: an empty list means all devices, an absent one none. */
  instances_ids: z.nullish(texts),
})

function listKeys(cloud: Cloud, projectId: string | undefined, search: string | null): LabAnswer {
  const keys = [...cloud.keys.values()].filter(
    (key) =>
      key.projectId === projectId &&
      (search === null || [key.label, key.key, key.fingerprint].some((text) => text.includes(search))),
  )
  return ok({ ssh_keys: keys.map((key) => keyView(key, cloud)) })
}

/** Whether the owner already has the same key under another id. */
function hasTwin(cloud: Cloud, { id, projectId, fingerprint }: KeyRecord): boolean {
  return [...cloud.keys.values()].some(
    (key) => key.id !== id && key.projectId === projectId && key.fingerprint === fingerprint,
  )
}

/** Adds a key; the texts of the refusals are inferred. */
function addKey(cloud: Cloud, projectId: string | undefined, json: unknown): LabAnswer {
  const checked = checkShape(inputSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { key, label, tags, instances_ids: deviceIds } = checked.value
  const blank = [...(key ? [] : ["Key can't be blank"]), ...(label ? [] : ["Label can't be blank"])]
  if (!key || !label) return unprocessable(...blank)
  const record = createKeyRecord(projectId, key, label, tags ?? [])
  if (record === undefined) return unprocessable('Key is invalid')
  if (hasTwin(cloud, record)) return unprocessable('Fingerprint has already been taken')
  cloud.keys.set(record.id, record)
  for (const device of deviceIds ? cloud.devices.values() : []) {
    if (deviceIds?.length === 0 || deviceIds?.includes(device.id)) device.keyIds.push(record.id)
  }
  return created(keyView(record, cloud))
}

/** Changes a key's label, tags and the key itself; absent fields keep their value. */
function changeKey(cloud: Cloud, record: KeyRecord, json: unknown): LabAnswer {
  const checked = checkShape(inputSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { key, label, tags } = checked.value
  if (label === '') return unprocessable("Label can't be blank")
  const changed = createKeyRecord(record.projectId, key ?? record.key, label ?? record.label, tags ?? record.tags)
  if (changed === undefined) return unprocessable('Key is invalid')
  if (hasTwin(cloud, { ...changed, id: record.id })) return unprocessable('Fingerprint has already been taken')
  const { id, createdAt } = record
  Object.assign(record, changed, { id, createdAt })
  return ok(keyView(record, cloud))
}

/** Routes for SSH keys. A deleted key no longer opens any console. */
export function keyRoutes(cloud: Cloud): Route[] {
  const withKey = (id: string | undefined, answer: (record: KeyRecord) => LabAnswer) => {
    const record = cloud.keys.get(id ?? '')
    return record === undefined ? notFound : answer(record)
  }
  return [
    ['GET /ssh-keys', ({ query }) => listKeys(cloud, undefined, query.get('search'))],
    ['POST /ssh-keys', (request) => withInput(request, (json) => addKey(cloud, undefined, json))],
    [
      'GET /projects/{id}/ssh-keys',
      ({ parameters: [id], query }) => withProject(cloud, id, () => listKeys(cloud, id, query.get('query'))),
    ],
    [
      'POST /projects/{id}/ssh-keys',
      (request) =>
        withProject(cloud, request.parameters[0], ({ id }) => withInput(request, (json) => addKey(cloud, id, json))),
    ],
    ['GET /ssh-keys/{id}', ({ parameters: [id] }) => withKey(id, (record) => ok(keyView(record, cloud)))],
    [
      'PUT|PATCH /ssh-keys/{id}',
      (request) =>
        withKey(request.parameters[0], (record) => withInput(request, (json) => changeKey(cloud, record, json))),
    ],
    ['DELETE /ssh-keys/{id}', ({ parameters: [id = ''] }) => (cloud.keys.delete(id) ? noContent : notFound)],
  ]
}
