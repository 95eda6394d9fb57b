// SSH keys of the user and of the project (SSHKey.yaml).
import { z } from 'zod'

import type { Cloud } from '../../cloud/cloud.ts'
import { createKeyRecord } from '../../cloud/key-record.ts'
import type { KeyRecord } from '../../cloud/key-record.ts'
import { created, noContent, notFound, ok, unprocessable } from '../../web/answer.ts'
import type { Answer } from '../../web/answer.ts'
import { keyView } from '../views/key.ts'
import { checkShape } from '../input/check.ts'
import { withJson } from '../../web/request.ts'
import type { Route } from '../../web/router.ts'

const inputSchema = z.looseObject({
  key: z.string().nullish(),
  label: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  /** Devices to give the key to; none named is all. Absent leaves devices as they are. */
  instances_ids: z.array(z.string()).nullish(),
})

function listKeys(cloud: Cloud, owner: KeyRecord['owner'], search: string | null): Answer {
  const found = [...cloud.keys.values()].filter(
    (key) =>
      key.owner === owner &&
      (search === null || [key.label, key.key, key.fingerprint].some((text) => text.includes(search))),
  )
  return ok({ ssh_keys: found.map((key) => keyView(key, cloud)) })
}

/** The texts of these refusals are inferred. */
function addKey(cloud: Cloud, owner: KeyRecord['owner'], json: unknown): Answer {
  const checked = checkShape(inputSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { key, label, tags, instances_ids: deviceIds } = checked.value
  const blank = [...(key ? [] : ["Key can't be blank"]), ...(label ? [] : ["Label can't be blank"])]
  if (!key || !label) return unprocessable(...blank)
  const record = createKeyRecord(owner, key, label, tags ?? [])
  if (record === undefined) return unprocessable('Key is invalid')
  const twin = [...cloud.keys.values()].find((one) => one.owner === owner && one.fingerprint === record.fingerprint)
  if (twin !== undefined) return unprocessable('Fingerprint has already been taken')
  cloud.keys.set(record.id, record)
  for (const device of deviceIds ? cloud.devices.values() : []) {
    if (deviceIds?.length === 0 || deviceIds?.includes(device.id)) device.keyIds.push(record.id)
  }
  return created(keyView(record, cloud))
}

/** Label and tags change; the key itself does not, although the specification has it in the body (inferred: it is refused). */
function changeKey(cloud: Cloud, record: KeyRecord, json: unknown): Answer {
  const checked = checkShape(inputSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { key, label, tags } = checked.value
  if (key !== undefined && key !== null && key.trim() !== record.key) return unprocessable('Key cannot be changed')
  if (label === '') return unprocessable("Label can't be blank")
  Object.assign(record, {
    label: label ?? record.label,
    tags: tags ?? record.tags,
    updatedAt: new Date().toISOString(),
  })
  return ok(keyView(record, cloud))
}

/** Routes of SSH keys. A key that is deleted opens no console any more. */
export function keyRoutes(cloud: Cloud): Route[] {
  const inProject = (id: string | undefined, answer: () => Answer) => (id === cloud.projectId ? answer() : notFound)
  const withKey = (id: string | undefined, answer: (record: KeyRecord) => Answer) => {
    const record = cloud.keys.get(id ?? '')
    return record === undefined ? notFound : answer(record)
  }
  return [
    ['GET /ssh-keys', ({ query }) => listKeys(cloud, 'user', query.get('search'))],
    ['POST /ssh-keys', ({ body }) => withJson(body, (json) => addKey(cloud, 'user', json))],
    [
      'GET /projects/{id}/ssh-keys',
      ({ parameters: [id], query }) => inProject(id, () => listKeys(cloud, 'project', query.get('query'))),
    ],
    [
      'POST /projects/{id}/ssh-keys',
      ({ parameters: [id], body }) => inProject(id, () => withJson(body, (json) => addKey(cloud, 'project', json))),
    ],
    ['GET /ssh-keys/{id}', ({ parameters: [id] }) => withKey(id, (record) => ok(keyView(record, cloud)))],
    [
      'PUT|PATCH /ssh-keys/{id}',
      ({ parameters: [id], body }) => withKey(id, (record) => withJson(body, (json) => changeKey(cloud, record, json))),
    ],
    ['DELETE /ssh-keys/{id}', ({ parameters: [id = ''] }) => (cloud.keys.delete(id) ? noContent : notFound)],
  ]
}
