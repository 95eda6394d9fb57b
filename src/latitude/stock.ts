// What can be rented where, and the nearest valid names for a name that the API refuses.
import { ApiError, UsageError } from '../errors.ts'
import type { Order, Wish } from '../machine/cloud.ts'
import { nearest } from '../text/nearest.ts'
import type { LatitudeClient } from './client.ts'
import type { Plan, Project } from './schema.ts'

/** The only type of project whose servers can be deleted at once; others are billed by the year. */
const onDemand = 'on_demand'

/** Whether a project's servers are rented for a year, so that they cannot be deleted at once. */
export function isReserved(provisioningType: string | null | undefined): boolean {
  return typeof provisioningType === 'string' && provisioningType !== onDemand
}

/**
 * The project with an id or slug.
 * @throws UsageError if there is none, or if its machines could not be given back at once
 */
export async function findProject(client: LatitudeClient, name: string, signal: AbortSignal): Promise<Project> {
  const projects = await client.listProjects(signal)
  const project = projects.find(({ id, attributes: { slug } }) => id === name || slug === name)
  if (project === undefined) {
    const known = nearest(
      name,
      projects.map(({ id, attributes: { slug } }) => slug ?? id),
    )
    throw new UsageError(`the account has no project "${name}"`, {
      hint: known.length === 0 ? 'create one in the dashboard of Latitude.sh' : `its projects: ${known.join(', ')}`,
    })
  }
  const { provisioning_type: type } = project.attributes
  if (type !== onDemand) {
    const what = type ? `is of the provisioning type "${type}", not "${onDemand}"` : `is not said to be "${onDemand}"`
    throw new UsageError(
      `the project "${name}" ${what}: its machines cannot be deleted at once, and cost money until then`,
      {
        hint: 'name a project of the type on_demand with --project-id',
      },
    )
  }
  return project
}

function places({ attributes: { regions } }: Plan, kind: 'available' | 'in_stock'): string[] {
  return (regions ?? []).flatMap(({ locations }) => locations?.[kind] ?? [])
}

function isSame(a: string, b: string | null | undefined): boolean {
  return a.toLowerCase() === b?.toLowerCase()
}

/** The smallest plan that each kind of account can rent. */
const defaultPlan = 'c3-small-x86'

/** What can be rented, and a doubt about it. */
interface Offer {
  plan: string
  /** Undefined if none was chosen and no site has the plan. */
  place: string | undefined
  doubt?: string
}

/**
 * Chooses the plan and a site that has it if none is given, writes both as the API does, and checks that the site has the plan.
 * An unlisted plan or site is left to the API, since new ones may be missing in its list.
 * @throws UsageError if the plan is not offered at the site
 */
export async function chooseOffer(client: LatitudeClient, wish: Wish, signal: AbortSignal): Promise<Offer> {
  const plans = await client.listPlans(signal)
  const wanted = wish.plan ?? defaultPlan
  const plan = plans.find(({ attributes: { slug, name } }) => isSame(wanted, slug) || isSame(wanted, name))
  const everywhere = plans.flatMap((each) => places(each, 'available'))
  const [available, stock] = plan === undefined ? [[], []] : [places(plan, 'available'), places(plan, 'in_stock')]
  const place = wish.place === undefined ? stock[0] : writePlace(wish.place, everywhere)
  const slug = plan?.attributes.slug ?? wanted
  const offer = { plan: slug, place }
  if (place !== undefined && !everywhere.includes(place)) {
    return { ...offer, doubt: `the site "${place}" is in no plan of the API's list: check its spelling` }
  }
  if (plan === undefined || place === undefined || stock.includes(place)) return offer
  const elsewhere = stock.length === 0 ? 'nowhere' : `in ${[...new Set(stock)].join(', ')}`
  if (available.includes(place)) {
    return { ...offer, doubt: `the plan "${slug}" is not in stock at the site "${place}", but ${elsewhere}` }
  }
  throw new UsageError(`the plan "${slug}" is not offered at the site "${place}"`, {
    hint: `it is in stock ${elsewhere}; choose with --metro and --machine`,
  })
}

/** A site as the API writes it: in capitals, as far as is known. */
export function writePlace(place: string, known: readonly string[] = []): string {
  return known.find((site) => isSame(place, site)) ?? place.toUpperCase()
}

/** Adds the nearest plans and sites to a create that was refused because of its content. Returns any other error unchanged. */
export async function explainStock(client: LatitudeClient, error: unknown, order: Order): Promise<unknown> {
  if (!(error instanceof ApiError) || (error.status !== 400 && error.status !== 422)) return error
  try {
    const [plans, sites] = await Promise.all([client.listPlans(), client.listSites()])
    const slugs = plans.map(({ attributes: { slug } }) => slug)
    const plan = plans.find(({ attributes: { slug } }) => slug === order.plan)
    const stock = plan === undefined ? [] : [...new Set(places(plan, 'in_stock'))]
    const hints = [
      ...(plan === undefined ? [`plans similar to "${order.plan}": ${nearest(order.plan, slugs).join(', ')}`] : []),
      ...(sites.includes(order.place)
        ? []
        : [`sites similar to "${order.place}": ${nearest(order.place, sites).join(', ')}`]),
      ...(plan !== undefined && !stock.includes(order.place)
        ? [`the plan "${order.plan}" is in stock ${stock.length === 0 ? 'nowhere' : `in ${stock.join(', ')}`}`]
        : []),
    ]
    if (hints.length === 0) return error
    return new ApiError(error.message, {
      layer: 'latitude',
      status: error.status,
      hint: hints.join('; '),
      cause: error,
    })
  } catch {
    // The lists are only a help: without them the refusal stays unchanged.
    return error
  }
}
