// The plans, operating systems and locations that can be rented.
import { findMetro } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { type LabAnswer, notFound, ok } from '../../web/answer.ts'
import { facilityView, metroView, operatingSystemView, planView } from '../views/catalogue.ts'
import type { Route } from '../../web/router.ts'
import { withOrganization, withProject } from './named.ts'

/** Lists the plans that pass the filters: categories, type and slug. */
function listPlans(planViews: readonly ReturnType<typeof planView>[], query: URLSearchParams): LabAnswer {
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
  const { catalogue } = cloud.settings
  const planViews = catalogue.plans.map((plan) => planView(plan, catalogue))
  const metroList = ok({ metros: catalogue.metros.map(metroView) })
  const facilityList = ok({ facilities: catalogue.facilities.map(({ code, metro }) => facilityView(code, metro)) })
  const systems = catalogue.operatingSystems.map((system) => operatingSystemView(system, catalogue))
  const systemList = ok({ operating_systems: systems })
  const lists: [name: string, list: (query: URLSearchParams) => LabAnswer][] = [
    ['plans', (query) => listPlans(planViews, query)],
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
        const metro = id === 'any' ? undefined : findMetro(catalogue, id)
        return metro === undefined ? notFound : ok(metroView(metro))
      },
    ],
  ]
}
