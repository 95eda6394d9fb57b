// Who one is and what there is to rent.
import { facilityCodes, metros, operatingSystems, plans } from '../catalogue.ts'
import type { Cloud } from '../cloud.ts'
import { notFound, ok } from './answer.ts'
import type { Answer } from './answer.ts'
import { apiPrefix, facilityView, hrefOf, metroView, operatingSystemView, planView } from './catalogue-view.ts'
import { paginate } from './paging.ts'
import type { Route } from './router.ts'

function userView(cloud: Cloud) {
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

function projectView(cloud: Cloud) {
  return {
    ...hrefOf(`/projects/${cloud.projectId}`),
    id: cloud.projectId,
    name: 'lab',
    type: 'default',
    customdata: {},
    tags: [],
    backend_transfer_enabled: false,
    devices: [...cloud.devices.keys()].map((id) => hrefOf(`/devices/${id}`)),
    members: [hrefOf(`/users/${cloud.userId}`)],
    ssh_keys: [...cloud.keys.values()]
      .filter((key) => key.owner === 'project')
      .map((key) => hrefOf(`/ssh-keys/${key.id}`)),
    organization: { ...hrefOf(`/organizations/${cloud.organizationId}`), id: cloud.organizationId, name: 'lab' },
    created_at: cloud.createdAt,
    updated_at: cloud.createdAt,
  }
}

// Always the same in every lab.
const planList = ok({ plans: plans.map(planView) })
const metroList = ok({ metros: metros.map(metroView) })
const facilityList = ok({
  facilities: metros.flatMap((metro) => facilityCodes(metro).map((code) => facilityView(code, metro))),
})
const systemList = ok({ operating_systems: operatingSystems.map((system) => operatingSystemView(system, plans)) })

/** Routes of the user, the project and the catalogue. */
export function accountRoutes(cloud: Cloud): Route[] {
  const inProject = (id: string | undefined, answer: () => Answer) => (id === cloud.projectId ? answer() : notFound)
  return [
    ['GET /user', () => ok(userView(cloud))],
    [
      'GET /projects',
      ({ query }) => {
        const { page, meta } = paginate([projectView(cloud)], `${apiPrefix}/projects`, query)
        return ok({ projects: page, meta })
      },
    ],
    ['GET /projects/{id}', ({ parameters: [id] }) => inProject(id, () => ok(projectView(cloud)))],
    ['GET /projects/{id}/plans', ({ parameters: [id] }) => inProject(id, () => planList)],
    ['GET /projects/{id}/facilities', ({ parameters: [id] }) => inProject(id, () => facilityList)],
    ['GET /plans', () => planList],
    ['GET /metros', () => metroList],
    ['GET /locations/metros', () => metroList],
    ['GET /facilities', () => facilityList],
    ['GET /operating-systems', () => systemList],
  ]
}
