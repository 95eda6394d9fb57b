// Capacity (CapacityList.yaml, CapacityCheckPerMetroList.yaml, CapacityCheckPerFacilityList.yaml).
import { z } from 'zod/mini'

import { countFree, countFreePlans, describeLevel } from '../../cloud/capacity.ts'
import { findFacility, findMetro, findPlan } from '../../cloud/catalogue.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { type LabAnswer, ok, unprocessable } from '../../web/answer.ts'
import { checkShape } from '../input/check.ts'
import { withInput } from '../input/body.ts'
import type { Route } from '../../web/router.ts'
import { withOrganization } from './named.ts'

const checkSchema = z.looseObject({
  servers: z.array(
    z.looseObject({
      facility: z.nullish(z.string()),
      metro: z.nullish(z.string()),
      plan: z.string(),
      /** A string in the specification; packngo sends a number. */
      quantity: z.union([z.string().check(z.regex(/^\d+$/)), z.int().check(z.nonnegative())]),
    }),
  ),
})

function listCapacity(cloud: Cloud, codes: readonly string[], counted: boolean): LabAnswer {
  const levels = Object.fromEntries(
    countFreePlans(cloud).map(({ plan, free }) => [
      plan.slug,
      { level: describeLevel(free), ...(counted ? { available_servers: free } : {}) },
    ]),
  )
  return ok({ capacity: Object.fromEntries(codes.map((code) => [code, levels])) })
}

/** Answers whether the requested servers are available, each on its own. The answer repeats the request, with the quantity as a string. */
function checkCapacity(cloud: Cloud, kind: 'metro' | 'facility', json: unknown): LabAnswer {
  const checked = checkShape(checkSchema, json)
  if ('errors' in checked) return unprocessable(...checked.errors)
  const { catalogue } = cloud.settings
  const servers = checked.value.servers.map(({ plan: slug, quantity, ...server }) => {
    const plan = findPlan(catalogue, slug)
    const place = server[kind] ?? ''
    const exists = (kind === 'metro' ? findMetro(catalogue, place) : findFacility(catalogue, place)) !== undefined
    const available = plan !== undefined && exists && countFree(cloud, plan) >= Number(quantity)
    return { [kind]: place, plan: slug, quantity: String(quantity), available }
  })
  return ok({ servers })
}

/** Routes for capacity, in general and of the organization. */
export function capacityRoutes(cloud: Cloud): Route[] {
  const { facilities, metros } = cloud.settings.catalogue
  const byFacility = () =>
    listCapacity(
      cloud,
      facilities.map(({ code }) => code),
      false,
    )
  const byMetro = () =>
    listCapacity(
      cloud,
      metros.map(({ code }) => code),
      true,
    )
  return [
    ['GET /capacity', byFacility],
    ['GET /capacity/metros', byMetro],
    ['POST /capacity', (request) => withInput(request, (json) => checkCapacity(cloud, 'facility', json))],
    ['POST /capacity/metros', (request) => withInput(request, (json) => checkCapacity(cloud, 'metro', json))],
    ['GET /organizations/{id}/capacity', ({ parameters: [id] }) => withOrganization(cloud, id, byFacility)],
    ['GET /organizations/{id}/capacity/metros', ({ parameters: [id] }) => withOrganization(cloud, id, byMetro)],
  ]
}
