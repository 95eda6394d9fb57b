// Projects and API keys on the wire (Project.yaml, AuthToken.yaml).
import type { ApiKey } from '../../cloud/account/api-key.ts'
import type { Project } from '../../cloud/account/project.ts'
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import { nounOf } from '../../cloud/inventory.ts'
import { nameUuid } from '../../storage/name-uuid.ts'
import { membershipId } from './account.ts'
import { hrefOf } from './catalogue.ts'
import { wireTime } from './time.ts'

/** A project. */
export function projectView(project: Project, cloud: Cloud) {
  const { id } = project
  return {
    ...hrefOf(`/projects/${id}`),
    id,
    name: project.name,
    type: 'default',
    customdata: project.customdata,
    tags: project.tags,
    backend_transfer_enabled: project.backendTransfer,
    devices: listDevices(cloud, id).map((device) => hrefOf(`/devices/${device.id}`)),
    members: [hrefOf(`/users/${cloud.userId}`)],
    memberships: [hrefOf(`/memberships/${membershipId(cloud, id)}`)],
    invitations: [],
    ssh_keys: [...cloud.keys.values()]
      .filter((key) => key.projectId === id)
      .map((key) => hrefOf(`/ssh-keys/${key.id}`)),
    volumes: [],
    payment_method: hrefOf(`/payment-methods/${nameUuid('payment method')}`),
    organization: {
      ...hrefOf(`/organizations/${cloud.organizationId}`),
      id: cloud.organizationId,
      name: nounOf(cloud.settings),
    },
    created_at: wireTime(project.createdAt),
    updated_at: wireTime(project.updatedAt),
  }
}

/** An API key, of a project or of the user. */
export function apiKeyView(key: ApiKey, cloud: Cloud) {
  return {
    id: key.id,
    token: key.token,
    description: key.description,
    read_only: key.readOnly,
    ...(key.projectId === undefined
      ? { user: hrefOf(`/users/${cloud.userId}`) }
      : { project: hrefOf(`/projects/${key.projectId}`) }),
    created_at: wireTime(key.createdAt),
    updated_at: wireTime(key.createdAt),
  }
}
