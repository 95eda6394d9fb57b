// SSH keys as the API shows them (SSHKey.yaml).
import type { Cloud } from '../../cloud/cloud.ts'
import type { KeyRecord } from '../../cloud/key-record.ts'
import { hrefOf } from './catalogue.ts'

/** A key. */
export function keyView(record: KeyRecord, cloud: Cloud) {
  return {
    ...hrefOf(`/ssh-keys/${record.id}`),
    id: record.id,
    label: record.label,
    key: record.key,
    fingerprint: record.fingerprint,
    tags: record.tags,
    entity: hrefOf(record.owner === 'user' ? `/users/${cloud.userId}` : `/projects/${cloud.projectId}`),
    created_at: record.createdAt,
    updated_at: record.updatedAt,
  }
}
