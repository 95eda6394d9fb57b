// SSH keys on the wire (ssh_key_data).
import { type KeyRecord, lineOf } from '../../cloud/account/key-record.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { JsonResource } from '../model/answers.ts'
import { namedId } from '../model/ids.ts'
import { projectOfKey } from '../model/project.ts'
import { projectInclude } from './project.ts'

/** A key. */
export function keyView(key: KeyRecord, cloud: Cloud): JsonResource {
  const project = projectOfKey(cloud, key)
  return {
    id: key.id,
    type: 'ssh_keys',
    attributes: {
      tags: [],
      name: key.label,
      public_key: lineOf(key),
      fingerprint: key.fingerprint,
      created_at: key.createdAt,
      updated_at: key.updatedAt,
      project: project === undefined ? {} : projectInclude(project, cloud),
      user: {
        id: namedId('user', cloud.userId),
        first_name: cloud.user.firstName,
        last_name: cloud.user.lastName,
        email: 'lab@example.invalid',
        created_at: cloud.createdAt,
        updated_at: cloud.user.updatedAt,
        role: { id: namedId('role', 'owner'), name: 'owner', created_at: cloud.createdAt, updated_at: cloud.createdAt },
      },
    },
  }
}
