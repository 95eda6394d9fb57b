// How many more machines a lab can carry: it has one computer's memory, whatever the metro.
import { plans } from './catalogue.ts'
import type { Plan } from './catalogue.ts'
import type { Cloud } from './cloud.ts'

/** MiB that are left. */
export function freeMemoryMib(cloud: Cloud): number {
  const usedMib = [...cloud.devices.values()].reduce((total, device) => total + device.plan.memoryMib, 0)
  return Math.max(0, cloud.settings.capacityMib - usedMib)
}

/** How many machines of a plan could be added. */
export function countFree(cloud: Cloud, plan: Plan): number {
  return Math.floor(freeMemoryMib(cloud) / plan.memoryMib)
}

/** How much there is, in the API's words (which ones there are is inferred). */
export function describeLevel(free: number): 'unavailable' | 'limited' | 'normal' {
  if (free === 0) return 'unavailable'
  return free < 5 ? 'limited' : 'normal'
}

/** The plans with how many machines of each could be added. */
export function countFreePlans(cloud: Cloud): { plan: Plan; free: number }[] {
  return plans.map((plan) => ({ plan, free: countFree(cloud, plan) }))
}
