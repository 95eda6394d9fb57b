// How many more machines a cloud has. A lab has one computer's memory and processors, whatever the metro: machines share the
// processors, no machine has more processors than the computer, and memory is not shared. A cloud of hardware has its inventory.
import { availableParallelism, totalmem } from 'node:os'
import type { Plan } from './catalogue.ts'
import type { Cloud } from './cloud.ts'
import { chooseMachines, freeMachines, type StockedMachine, type MachineWish } from './inventory.ts'

/** The memory and processors that machines may use. */
export interface Capacity {
  /** Of all machines together, in MiB. */
  memoryMib: number
  /** Processors of each machine. */
  cpus: number
}

/** Four fifths of this computer's memory, and all of its processors. */
export function measureComputer(): Capacity {
  return { memoryMib: Math.floor((totalmem() / 1024 ** 2) * 0.8), cpus: availableParallelism() }
}

/** For simulated machines, which need almost no memory. */
export const plenty: Capacity = { memoryMib: 1024 ** 2, cpus: Number.POSITIVE_INFINITY }

/** Free memory in MiB. */
function freeMemoryMib(cloud: Cloud): number {
  const usedMib = [...cloud.devices.values()].reduce((total, device) => total + device.plan.memoryMib, 0)
  return Math.max(0, cloud.settings.capacity.memoryMib - usedMib)
}

/** Counts the machines of a plan that could still be added. */
export function countFree(cloud: Cloud, plan: Plan): number {
  const { inventory, capacity } = cloud.settings
  if (inventory !== undefined) return freeMachines(cloud, plan.slug).length
  return plan.cpus > capacity.cpus ? 0 : Math.floor(freeMemoryMib(cloud) / plan.memoryMib)
}

/**
 * Finds room for machines: for each its machine of the inventory, or undefined if the cloud makes it.
 * @returns undefined if there is no room
 */
export function findRoom(
  cloud: Cloud,
  wishes: readonly (MachineWish & { plan: Plan })[],
): (StockedMachine | undefined)[] | undefined {
  const { inventory } = cloud.settings
  if (inventory !== undefined) return chooseMachines(inventory, cloud.devices, wishes)
  return hasRoom(
    cloud,
    wishes.map(({ plan }) => plan),
  )
    ? wishes.map(() => undefined)
    : undefined
}

/** Whether one machine of each of these plans could still be made. */
function hasRoom(cloud: Cloud, requested: readonly Plan[]): boolean {
  const neededMib = requested.reduce((total, plan) => total + plan.memoryMib, 0)
  return neededMib <= freeMemoryMib(cloud) && requested.every((plan) => plan.cpus <= cloud.settings.capacity.cpus)
}

/** The API's word for a number of free machines (the set of words is inferred). */
export function describeLevel(free: number): 'unavailable' | 'limited' | 'normal' {
  if (free === 0) return 'unavailable'
  return free < 5 ? 'limited' : 'normal'
}

/** Each plan, with the number of its machines that could still be added. */
export function countFreePlans(cloud: Cloud): { plan: Plan; free: number }[] {
  return cloud.settings.catalogue.plans.map((plan) => ({ plan, free: countFree(cloud, plan) }))
}
