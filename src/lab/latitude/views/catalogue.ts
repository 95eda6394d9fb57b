// Plans and regions on the wire (plan_data, region).
import type { Metro, Plan } from '../../cloud/catalogue.ts'
import { countFree } from '../../cloud/capacity.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { JsonResource } from '../model/answers.ts'
import { siteOf } from '../model/catalogue.ts'
import { namedId } from '../model/ids.ts'

/** Dollars an hour; a lab charges nothing, so all plans have the same. */
export const hourlyPrice = 0.26

/** The id of a plan. */
export function planId({ slug }: Pick<Plan, 'slug'>): string {
  return namedId('plan', slug)
}

/** The id of a site. */
export function siteId(metro: Metro): string {
  return namedId('loc', metro.code)
}

/** The name of a plan: c3.small.x86. */
export function planName({ slug }: Pick<Plan, 'slug'>): string {
  return slug.replaceAll('-', '.')
}

/** The machine of a plan in words. */
export function specsView({ cpus, memoryMib }: Plan) {
  return {
    cpu: `Lab CPU (${cpus} cores)`,
    disk: '8 GB SSD',
    ram: `${memoryMib / 1024} GB`,
    nic: '2 X 1 Gbit/s',
    gpu: null,
  }
}

function stockLevel(free: number): string {
  if (free === 0) return 'unavailable'
  if (free < 3) return 'low'
  return free < 10 ? 'medium' : 'high'
}

/** A plan, with its stock: a lab's machines can be in any site. */
export function planView(plan: Plan, cloud: Cloud): JsonResource {
  const free = countFree(cloud, plan)
  const { metros } = cloud.settings.catalogue
  const countries = [...new Set(metros.map(({ country }) => country))]
  const regions = countries.map((country) => {
    const available = metros.filter((metro) => metro.country === country).map(siteOf)
    return {
      name: country,
      deploys_instantly: [],
      locations: { available, in_stock: free === 0 ? [] : available },
      stock_level: stockLevel(free),
      pricing: { USD: { hour: hourlyPrice, month: 190, year: 2000 } },
    }
  })
  return {
    id: planId(plan),
    type: 'plans',
    attributes: {
      slug: plan.slug,
      name: planName(plan),
      features: ['ssh', 'raid', 'user_data'],
      specs: {
        cpu: { type: 'Lab CPU', clock: 3, cores: plan.cpus, count: 1 },
        memory: { total: plan.memoryMib / 1024 },
        drives: [{ count: 1, size: '8 GB', type: 'SSD' }],
        nics: [{ count: 2, type: '1 Gbps' }],
      },
      regions,
    },
  }
}

/** A site, which the API calls a region. */
export function regionView(metro: Metro): JsonResource {
  return {
    id: siteId(metro),
    type: 'regions',
    attributes: {
      name: metro.name,
      slug: siteOf(metro),
      facility: metro.name,
      country: { name: metro.country, slug: metro.country.toLowerCase().replaceAll(' ', '-') },
      type: 'core',
    },
  }
}
