// SSH keys of projects.
import { z } from 'zod/mini'

import { createKeyRecord, type KeyRecord } from '../../cloud/account/key-record.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { bare, notFound, single } from '../model/answers.ts'
import { checkAttributes, refuseAll, withAttributes } from '../input/body.ts'
import { pageOf, refuseParameters } from '../model/page.ts'
import { findProject, keysOf } from '../model/project.ts'
import { keyView } from '../views/key.ts'

const createSchema = z.looseObject({ name: z.string(), public_key: z.string(), project: z.string() })
const changeSchema = z.looseObject({
  name: z.optional(z.string().check(z.minLength(1))),
  tags: z.optional(z.array(z.string()).check(z.maxLength(0))),
})

/** Routes for keys. A deleted key no longer opens any console. */
export function keyRoutes(cloud: Cloud): Route[] {
  const withKey = ({ parameters: [id = ''] }: RoutedRequest, answer: (key: KeyRecord) => LabAnswer): LabAnswer => {
    const key = cloud.keys.get(id)
    return key === undefined ? notFound : answer(key)
  }
  const list = ({ query }: RoutedRequest): LabAnswer => {
    const refused = refuseParameters(query, ['filter[project]', 'filter[scope]', 'filter[tags]'])
    if (refused !== undefined) return refused
    const name = query.get('filter[project]')
    const keys = name === null ? [...cloud.keys.values()] : keysOf(cloud, findProject(cloud, name)?.id ?? '')
    const matching = query.get('filter[tags]') === null ? keys : []
    return pageOf(matching, query, (key) => keyView(key, cloud))
  }
  const create = (request: RoutedRequest): LabAnswer =>
    withAttributes(request, { type: 'ssh_keys' }, (attributes) => {
      const checked = checkAttributes(createSchema, attributes)
      if ('reasons' in checked) return refuseAll(checked.reasons)
      const { name, public_key: line, project: projectName } = checked.value
      const project = findProject(cloud, projectName)
      if (project === undefined) return refuseAll([{ detail: 'Project not found', field: 'project' }])
      const key = createKeyRecord(project.id, line, name, [], cloud.settings.createId('key'))
      if (key === undefined) return refuseAll([{ detail: 'Public key is invalid', field: 'public_key' }])
      if (keysOf(cloud, project.id).some(({ fingerprint }) => fingerprint === key.fingerprint)) {
        return refuseAll([{ detail: 'Fingerprint has already been taken', field: 'public_key' }])
      }
      cloud.keys.set(key.id, key)
      return single(keyView(key, cloud), 201)
    })
  const change = (request: RoutedRequest): LabAnswer =>
    withKey(request, (key) =>
      withAttributes(request, { type: 'ssh_keys', id: key.id }, (attributes) => {
        const checked = checkAttributes(changeSchema, attributes)
        if ('reasons' in checked) return refuseAll(checked.reasons)
        key.label = checked.value.name ?? key.label
        key.updatedAt = new Date().toISOString()
        return single(keyView(key, cloud))
      }),
    )
  const remove = (request: RoutedRequest): LabAnswer =>
    withKey(request, ({ id }) => {
      cloud.keys.delete(id)
      return bare({ meta: {} })
    })
  return [
    ['GET /ssh_keys', list],
    ['POST /ssh_keys', create],
    ['GET /ssh_keys/{id}', (request) => withKey(request, (key) => single(keyView(key, cloud)))],
    ['PATCH /ssh_keys/{id}', change],
    ['DELETE /ssh_keys/{id}', remove],
  ]
}
