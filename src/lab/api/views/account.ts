// Who one is on the wire (User.yaml, Project.yaml, Organization.yaml).
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import { hrefOf } from './catalogue.ts'

/** The one user. */
export function userView(cloud: Cloud) {
  return {
    ...hrefOf(`/users/${cloud.userId}`),
    id: cloud.userId,
    short_id: cloud.userId.slice(0, 8),
    first_name: 'Lab',
    last_name: 'User',
    full_name: 'Lab User',
    email: 'user@lab.invalid',
    timezone: 'Etc/UTC',
    two_factor_auth: '',
    default_organization_id: cloud.organizationId,
    default_project_id: cloud.projectId,
    max_projects: 1,
    created_at: cloud.createdAt,
    updated_at: cloud.createdAt,
  }
}

/** The one project. */
export function projectView(cloud: Cloud) {
  return {
    ...hrefOf(`/projects/${cloud.projectId}`),
    id: cloud.projectId,
    name: 'lab',
    type: 'default',
    customdata: {},
    tags: [],
    backend_transfer_enabled: false,
    devices: listDevices(cloud).map(({ id }) => hrefOf(`/devices/${id}`)),
    members: [hrefOf(`/users/${cloud.userId}`)],
    ssh_keys: [...cloud.keys.values()]
      .filter((key) => key.owner === 'project')
      .map((key) => hrefOf(`/ssh-keys/${key.id}`)),
    organization: { ...hrefOf(`/organizations/${cloud.organizationId}`), id: cloud.organizationId, name: 'lab' },
    created_at: cloud.createdAt,
    updated_at: cloud.createdAt,
  }
}

/** The one organization. */
export function organizationView(cloud: Cloud) {
  return {
    ...hrefOf(`/organizations/${cloud.organizationId}`),
    id: cloud.organizationId,
    name: 'lab',
    description: '',
    customdata: {},
    credit_amount: 0,
    members: [hrefOf(`/users/${cloud.userId}`)],
    memberships: [],
    projects: [hrefOf(`/projects/${cloud.projectId}`)],
    created_at: cloud.createdAt,
    updated_at: cloud.createdAt,
  }
}
