// SSH keys on the wire (SSHKey.yaml).
import type { Cloud } from '../../cloud/cloud.ts'
import type { KeyRecord } from '../../cloud/account/key-record.ts'
import { hrefOf } from './catalogue.ts'
import { wireTime } from './time.ts'

/** A key. */
export function keyView(record: KeyRecord, cloud: Cloud) {
  const owner = hrefOf(record.projectId === undefined ? `/users/${cloud.userId}` : `/projects/${record.projectId}`)
  return {
    ...hrefOf(`/ssh-keys/${record.id}`),
    id: record.id,
    label: record.label,
    key: record.key,
    fingerprint: record.fingerprint,
    tags: record.tags,
    // The specification has one of these fields; clients read the other.
    entity: owner,
    owner,
    created_at: wireTime(record.createdAt),
    updated_at: wireTime(record.updatedAt),
  }
}
