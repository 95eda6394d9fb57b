// The plans, operating systems and locations that can be rented.
import { facilities, findMetro, metros, operatingSystems, plans } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { type LabAnswer, notFound, ok } from '../../web/answer.ts'
import { facilityView, metroView, operatingSystemView, planView } from '../views/catalogue.ts'
import type { Route } from '../../web/router.ts'
import { withOrganization, withProject } from './named.ts'

// The same in every lab.
const planViews = plans.map(planView)
const metroList = ok({ metros: metros.map(metroView) })
const facilityList = ok({ facilities: facilities.map(({ code, metro }) => facilityView(code, metro)) })
const systemList = ok({ operating_systems: operatingSystems.map((system) => operatingSystemView(system, plans)) })

/** Lists the plans that pass the filters: categories, type and slug. */
function listPlans(query: URLSearchParams): LabAnswer {
  const categories = [...query.getAll('categories[]'), ...query.getAll('categories')].flatMap((text) => text.split(','))
  const [type, slug] = [query.get('type'), query.get('slug')]
  const offered = planViews.filter(
    (plan) =>
      (categories.length === 0 || plan.categories.some((category) => categories.includes(category))) &&
      (type === null || plan.type === type) &&
      (slug === null || plan.slug === slug),
  )
  return ok({ plans: offered })
}

/** Routes for the catalogue. */
export function catalogueRoutes(cloud: Cloud): Route[] {
  const lists: [name: string, list: (query: URLSearchParams) => LabAnswer][] = [
    ['plans', listPlans],
    ['facilities', () => facilityList],
    ['operating-systems', () => systemList],
  ]
  return [
    ...lists.flatMap(([name, list]): Route[] => [
      [`GET /${name}`, ({ query }) => list(query)],
      [`GET /projects/{id}/${name}`, ({ parameters: [id], query }) => withProject(cloud, id, () => list(query))],
      [
        `GET /organizations/{id}/${name}`,
        ({ parameters: [id], query }) => withOrganization(cloud, id, () => list(query)),
      ],
    ]),
    ['GET /metros', () => metroList],
    ['GET /locations/metros', () => metroList],
    [
      'GET /locations/metros/{id}',
      ({ parameters: [id = ''] }) => {
        const metro = id === 'any' ? undefined : findMetro(id)
        return metro === undefined ? notFound : ok(metroView(metro))
      },
    ],
  ]
}
