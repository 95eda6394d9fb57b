// The user and the organization on the wire (User.yaml, Email.yaml, Membership.yaml, Organization.yaml).
import type { Cloud } from '../../cloud/cloud.ts'
import { nounOf } from '../../cloud/inventory.ts'
import { nameUuid } from '../../storage/name-uuid.ts'
import { hrefOf } from './catalogue.ts'
import { wireTime } from './time.ts'

/** The only user. `emails`, `projects` and `memberships` are as recorded; the specification has only the first. */
export function userView(cloud: Cloud) {
  const { firstName, lastName, timezone, phoneNumber, customdata, updatedAt } = cloud.user
  return {
    ...hrefOf(`/users/${cloud.userId}`),
    id: cloud.userId,
    short_id: cloud.userId.slice(0, 8),
    first_name: firstName,
    last_name: lastName,
    full_name: `${firstName} ${lastName}`,
    email: emailView(cloud).address,
    phone_number: phoneNumber,
    timezone,
    customdata,
    two_factor_auth: '',
    default_organization_id: cloud.organizationId,
    default_project_id: cloud.projectId,
    max_projects: 1000,
    emails: [hrefOf(`/emails/${emailView(cloud).id}`)],
    projects: [...cloud.projects.keys()].map((id) => hrefOf(`/projects/${id}`)),
    memberships: [...cloud.projects.keys()].map((id) => hrefOf(`/memberships/${membershipId(cloud, id)}`)),
    created_at: wireTime(cloud.createdAt),
    updated_at: wireTime(updatedAt),
  }
}

/** The user's only email address. */
export function emailView(cloud: Cloud) {
  const id = nameUuid(`email ${cloud.userId}`)
  return { ...hrefOf(`/emails/${id}`), id, address: 'user@lab.invalid', default: true, verified: true }
}

/** The id of the user's membership in a project. */
export function membershipId(cloud: Cloud, projectId: string): string {
  return nameUuid(`membership ${cloud.userId} ${projectId}`)
}

/** Finds the user's membership with an id; undefined if there is none. */
export function findMembership(cloud: Cloud, id: string) {
  const project = [...cloud.projects.values()].find((candidate) => membershipId(cloud, candidate.id) === id)
  if (project === undefined) return undefined
  return {
    ...hrefOf(`/memberships/${id}`),
    id,
    project: hrefOf(`/projects/${project.id}`),
    user: hrefOf(`/users/${cloud.userId}`),
    roles: ['admin'],
    created_at: wireTime(project.createdAt),
    updated_at: wireTime(project.createdAt),
  }
}

/** The only organization. */
export function organizationView(cloud: Cloud) {
  return {
    ...hrefOf(`/organizations/${cloud.organizationId}`),
    id: cloud.organizationId,
    name: nounOf(cloud.settings),
    description: '',
    customdata: {},
    credit_amount: 0,
    members: [hrefOf(`/users/${cloud.userId}`)],
    memberships: [],
    projects: [...cloud.projects.keys()].map((id) => hrefOf(`/projects/${id}`)),
    created_at: wireTime(cloud.createdAt),
    updated_at: wireTime(cloud.createdAt),
  }
}
