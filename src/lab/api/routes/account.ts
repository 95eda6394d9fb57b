// The user, the project and the organization.
import type { Cloud } from '../../cloud/cloud.ts'
import { organizationView, projectView, userView } from '../views/account.ts'
import { notFound, ok } from '../../web/answer.ts'
import type { Answer } from '../../web/answer.ts'
import { paginate } from '../../web/paging.ts'
import type { Route } from '../../web/router.ts'

/** A list of one, in pages; `name` is a part of the name it is asked for by. */
function listOne(key: string, view: { name: string }, path: string, query: URLSearchParams): Answer {
  const { page, meta } = paginate(view.name.includes(query.get('name') ?? '') ? [view] : [], path, query)
  return ok({ [key]: page, meta })
}

/** Routes of the account. There is one of each. */
export function accountRoutes(cloud: Cloud): Route[] {
  const projects = (path: string, query: URLSearchParams) => listOne('projects', projectView(cloud), path, query)
  return [
    ['GET /user', () => ok(userView(cloud))],
    ['GET /users/{id}', ({ parameters: [id] }) => (id === cloud.userId ? ok(userView(cloud)) : notFound)],
    ['GET /projects', ({ query }) => projects('/projects', query)],
    ['GET /projects/{id}', ({ parameters: [id] }) => (id === cloud.projectId ? ok(projectView(cloud)) : notFound)],
    ['GET /projects/{id}/customdata', ({ parameters: [id] }) => (id === cloud.projectId ? ok({}) : notFound)],
    ['GET /organizations', ({ query }) => listOne('organizations', organizationView(cloud), '/organizations', query)],
    [
      'GET /organizations/{id}',
      ({ parameters: [id] }) => (id === cloud.organizationId ? ok(organizationView(cloud)) : notFound),
    ],
    [
      'GET /organizations/{id}/projects',
      ({ parameters: [id], path, query }) => (id === cloud.organizationId ? projects(path, query) : notFound),
    ],
  ]
}
