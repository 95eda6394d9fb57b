// The machines of a cloud of hardware. A lab has no inventory: it makes machines as its memory allows.
import type { Cloud } from './cloud.ts'
import type { Device } from './device.ts'
import { nameUuid } from './name-uuid.ts'

/** A machine that exists. */
export interface StockedMachine {
  name: string
  /** Slug of its plan. */
  plan: string
  /** In small letters with colons, at least one; the first is eth0's. */
  macs: readonly [string, ...string[]]
  /** Somebody else uses it; it is never touched. */
  inUse?: boolean | undefined
}

/** All machines, and which of them may be used. */
export interface Inventory {
  readonly machines: readonly StockedMachine[]
  /** Why no device may get the machine: it is set aside, used by somebody else, or was on when it was first met. */
  whyUnusable(name: string): string | undefined
  /** The power of a machine without a device when it was last asked. */
  lastSeen?(name: string): 'on' | 'off' | 'unknown'
}

/** What a cloud with these machines is called in messages. */
export function nounOf({ inventory }: { inventory?: Inventory | undefined }): 'lab' | 'rack' {
  return inventory === undefined ? 'lab' : 'rack'
}

/** The id of a machine: that of its hardware reservation. */
export function machineId(name: string): string {
  return nameUuid(`machine ${name}`)
}

/** Finds a machine by id. */
export function findMachine({ settings }: Pick<Cloud, 'settings'>, id: string): StockedMachine | undefined {
  return settings.inventory?.machines.find(({ name }) => machineId(name) === id)
}

/** The device that has a machine. It has it until the machine is known to be off and free, also if clients see the device no longer. */
export function holderOf({ devices }: Pick<Cloud, 'devices'>, name: string): Device | undefined {
  return [...devices.values()].find(({ machine }) => machine === name)
}

/** The machines that a device may get; all of them or those of a plan. */
export function freeMachines(
  { settings, devices }: Pick<Cloud, 'settings' | 'devices'>,
  plan?: string,
): StockedMachine[] {
  const { inventory } = settings
  if (inventory === undefined) return []
  const held = new Set([...devices.values()].map(({ machine }) => machine))
  return inventory.machines.filter(
    (machine) =>
      (plan === undefined || machine.plan === plan) &&
      !held.has(machine.name) &&
      inventory.whyUnusable(machine.name) === undefined,
  )
}

/** A machine that a new device is to get. */
export interface Wish {
  plan: { slug: string }
  /** If undefined, any machine of the plan. */
  machine?: StockedMachine | undefined
}

/** Chooses a machine for each wish, and none for two: the named one, which is free, or any free one of the plan. Undefined if there are not enough. */
export function chooseMachines(cloud: Cloud, wishes: readonly Wish[]): StockedMachine[] | undefined {
  const named = new Set(wishes.flatMap(({ machine }) => machine ?? []))
  const rest = freeMachines(cloud).filter((machine) => !named.has(machine))
  const chosen: StockedMachine[] = []
  for (const { plan, machine } of wishes) {
    const next = machine ?? rest.find((one) => one.plan === plan.slug && !chosen.includes(one))
    if (next === undefined) return undefined
    chosen.push(next)
  }
  return chosen
}
