// The user and the organization.
import { z } from 'zod/mini'

import type { Cloud } from '../../cloud/cloud.ts'
import { withInput } from '../input/body.ts'
import { checkShape, customdata } from '../input/check.ts'
import { emailView, findMembership, organizationView, userView } from '../views/account.ts'
import { type LabAnswer, notFound, ok, unprocessable } from '../../web/answer.ts'
import { paginate } from '../../web/paging.ts'
import type { Route } from '../../web/router.ts'
import { withOrganization } from './named.ts'

const userSchema = z.looseObject({
  first_name: z.nullish(z.string()),
  last_name: z.nullish(z.string()),
  timezone: z.nullish(z.string()),
  phone_number: z.nullish(z.string()),
  customdata: z.nullish(customdata),
})

/** Absent fields keep their value (UserUpdateInput.yaml). */
function changeUser(cloud: Cloud, json: unknown): LabAnswer {
  const checked = checkShape(userSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const input = checked.value
  const { user } = cloud
  Object.assign(user, {
    firstName: input.first_name ?? user.firstName,
    lastName: input.last_name ?? user.lastName,
    timezone: input.timezone ?? user.timezone,
    phoneNumber: input.phone_number ?? user.phoneNumber,
    customdata: input.customdata ?? user.customdata,
    updatedAt: new Date().toISOString(),
  })
  return ok(userView(cloud))
}

/** Routes for the user and the organization. There is one of each. */
export function accountRoutes(cloud: Cloud): Route[] {
  const listOrganizations = (query: URLSearchParams) => {
    const all = [organizationView(cloud)].filter(({ name }) => name.includes(query.get('name') ?? ''))
    const { page, meta } = paginate(all, '/organizations', query)
    return ok({ organizations: page, meta })
  }
  return [
    ['GET /user', () => ok(userView(cloud))],
    ['PUT|PATCH /user', (request) => withInput(request, (json) => changeUser(cloud, json))],
    ['GET /users/{id}', ({ parameters: [id] }) => (id === cloud.userId ? ok(userView(cloud)) : notFound)],
    ['GET /emails/{id}', ({ parameters: [id] }) => (id === emailView(cloud).id ? ok(emailView(cloud)) : notFound)],
    [
      'GET /memberships/{id}',
      ({ parameters: [id = ''] }) => {
        const membership = findMembership(cloud, id)
        return membership === undefined ? notFound : ok(membership)
      },
    ],
    ['GET /organizations', ({ query }) => listOrganizations(query)],
    [
      'GET /organizations/{id}',
      ({ parameters: [id] }) => withOrganization(cloud, id, () => ok(organizationView(cloud))),
    ],
  ]
}
