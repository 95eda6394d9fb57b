// Plans and regions.
import { countFree } from '../../cloud/capacity.ts'
import type { Plan } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { bare, notFound, single } from '../model/answers.ts'
import { siteOf } from '../model/catalogue.ts'
import { pageOf, refuseParameters } from '../model/page.ts'
import { planId, planName, planView, regionView, siteId } from '../views/catalogue.ts'

const planFilters = ['name', 'slug', 'location', 'stock_level', 'in_stock', 'gpu', 'ram', 'disk'].map(
  (name) => `filter[${name}]`,
)

/** Routes for the catalogue. The list of plans has no pages. */
export function catalogueRoutes(cloud: Cloud): Route[] {
  const { plans, metros } = cloud.settings.catalogue

  const listPlans = ({ query }: RoutedRequest): LabAnswer => {
    const refused = refuseParameters(query, planFilters)
    if (refused !== undefined) return refused
    const filter = (name: string) => query.get(`filter[${name}]`)
    const fits = (plan: Plan) => {
      const isInStock = countFree(cloud, plan) > 0
      const location = filter('location')
      return (
        (filter('slug') ?? plan.slug) === plan.slug &&
        (filter('name') ?? planName(plan)) === planName(plan) &&
        (location === null || metros.some((metro) => siteOf(metro) === location)) &&
        (filter('in_stock') ?? String(isInStock)) === String(isInStock)
      )
    }
    return bare({ data: plans.filter(fits).map((plan) => planView(plan, cloud)), meta: {} })
  }

  return [
    ['GET /plans', listPlans],
    [
      'GET /plans/{id}',
      ({ parameters: [id] }) => {
        const plan = plans.find((each) => planId(each) === id)
        return plan === undefined ? notFound : single(planView(plan, cloud))
      },
    ],
    ['GET /regions', ({ query }) => refuseParameters(query, []) ?? pageOf(metros, query, regionView)],
    [
      'GET /regions/{id}',
      ({ parameters: [id] }) => {
        const metro = metros.find((each) => siteId(each) === id)
        return metro === undefined ? notFound : single(regionView(metro))
      },
    ],
  ]
}
