// How many more machines a lab can carry: it has one computer's memory and processors, whatever the metro. Machines share the
// processors, and none has more of them than the computer; memory is each one's own.
import { availableParallelism, totalmem } from 'node:os'
import { plans } from './catalogue.ts'
import type { Plan } from './catalogue.ts'
import type { Cloud } from './cloud.ts'

/** What machines may have. */
export interface Capacity {
  /** All together, in MiB. */
  memoryMib: number
  /** Processors each. */
  cpus: number
}

/** Four fifths of this computer's memory. */
export function measureComputer(): Capacity {
  return { memoryMib: Math.floor((totalmem() / 1024 ** 2) * 0.8), cpus: availableParallelism() }
}

/** For machines that are simulated, and need next to none. */
export const plenty: Capacity = { memoryMib: 1024 ** 2, cpus: Number.POSITIVE_INFINITY }

/** MiB that are left. */
function freeMemoryMib(cloud: Cloud): number {
  const usedMib = [...cloud.devices.values()].reduce((total, device) => total + device.plan.memoryMib, 0)
  return Math.max(0, cloud.settings.capacity.memoryMib - usedMib)
}

/** How many machines of a plan could be added. */
export function countFree(cloud: Cloud, plan: Plan): number {
  return plan.cpus > cloud.settings.capacity.cpus ? 0 : Math.floor(freeMemoryMib(cloud) / plan.memoryMib)
}

/** Whether one machine of each of these plans could be added. */
export function hasRoom(cloud: Cloud, wanted: readonly Plan[]): boolean {
  const neededMib = wanted.reduce((total, plan) => total + plan.memoryMib, 0)
  return neededMib <= freeMemoryMib(cloud) && wanted.every((plan) => plan.cpus <= cloud.settings.capacity.cpus)
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
