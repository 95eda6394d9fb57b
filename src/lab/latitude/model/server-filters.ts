// The filters of the list of servers.
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { siteOf } from './catalogue.ts'
import { findProject } from './project.ts'
import { statusOf } from './state.ts'

type Filter = (device: Device, value: string, cloud: Cloud) => boolean

/** Whether the service compares host names exactly is not known: a part of the name is enough here, so that clients compare again. */
const filters: Readonly<Record<string, Filter>> = {
  project: (device, value, cloud) => findProject(cloud, value)?.id === device.projectId,
  hostname: (device, value) => device.hostname.toLowerCase().includes(value.toLowerCase()),
  status: (device, value) => statusOf(device) === value,
  plan: (device, value) => device.plan.slug === value,
  region: (device, value) => siteOf(device.metro) === value,
  tags: (_device, value) => value === '',
  created_at_gte: (device, value) => Date.parse(device.createdAt) >= Date.parse(value),
  created_at_lte: (device, value) => Date.parse(device.createdAt) <= Date.parse(value),
}

/** The parameters of the filters that the lab knows. */
export const serverFilters: readonly string[] = Object.keys(filters).map((name) => `filter[${name}]`)

/** Whether a server passes all filters of a query. */
export function matchesFilters(device: Device, query: URLSearchParams, cloud: Cloud): boolean {
  return Object.entries(filters).every(([name, filter]) => {
    const value = query.get(`filter[${name}]`)
    return value === null || filter(device, value, cloud)
  })
}
