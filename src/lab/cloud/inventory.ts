// The machines of a cloud of hardware. A lab has no inventory: it makes machines as its memory allows.
import type { Cloud } from './cloud.ts'
import type { Device } from './device.ts'
import { nameUuid } from '../storage/name-uuid.ts'

/** A physical machine. */
export interface StockedMachine {
  name: string
  /** Slug of its plan. */
  plan: string
  /** In small letters with colons, at least one; the first is eth0's. */
  macs: readonly [string, ...string[]]
  /** How its iPXE gets to the disk if the device boots that; `exit` by default. */
  diskBoot?: 'exit' | 'sanboot' | undefined
  /** Somebody else uses it; it is never touched. */
  inUse?: boolean | undefined
}

/** All machines, and which of them may be used. */
export interface Inventory {
  readonly machines: readonly StockedMachine[]
  /** Why no device may get the machine: it is set aside, used by somebody else, or was on when it was first met. */
  whyUnusable(name: string): string | undefined
  /** The last known power state of a machine without a device. */
  lastSeen?(name: string): 'on' | 'off' | 'unknown'
}

/** The word for a cloud in messages: with an inventory it is a rack. */
export function nounOf({ inventory }: { inventory?: Inventory | undefined }): 'lab' | 'rack' {
  return inventory === undefined ? 'lab' : 'rack'
}

/** The id of a machine: that of its hardware reservation. */
export function machineId(name: string): string {
  return nameUuid(`machine ${name}`)
}

/** Finds a machine by id. */
export function findStockedMachine({ settings }: Pick<Cloud, 'settings'>, id: string): StockedMachine | undefined {
  return settings.inventory?.machines.find(({ name }) => machineId(name) === id)
}

/** The machine that a device has. */
export function machineOf({ machine }: Device, { settings }: Pick<Cloud, 'settings'>): StockedMachine | undefined {
  return settings.inventory?.machines.find(({ name }) => name === machine)
}

/** The device that holds a machine: until the machine is known to be off and free, even if clients no longer see the device. */
export function holderOf({ devices }: Pick<Cloud, 'devices'>, name: string): Device | undefined {
  return [...devices.values()].find(({ machine }) => machine === name)
}

/** Whether a device may get a machine, as the cloud is now. */
function freeTest({ inventory, devices }: { inventory: Inventory; devices: Cloud['devices'] }) {
  const held = new Set([...devices.values()].map(({ machine }) => machine))
  return ({ name }: StockedMachine) => !held.has(name) && inventory.whyUnusable(name) === undefined
}

/** The machines that a device may get, of a plan or of all. */
export function freeMachines(
  { settings, devices }: Pick<Cloud, 'settings' | 'devices'>,
  plan?: string,
): StockedMachine[] {
  const { inventory } = settings
  if (inventory === undefined) return []
  const isFree = freeTest({ inventory, devices })
  return inventory.machines.filter((machine) => (plan === undefined || machine.plan === plan) && isFree(machine))
}

/** A machine that a new device is to get. */
export interface MachineWish {
  plan: { slug: string }
  /** If undefined, any machine of the plan. */
  machine?: StockedMachine | undefined
}

/** Chooses a different machine for each wish: the one it names, which is free, or a free one of its plan. Undefined if there are too few. */
export function chooseMachines(
  inventory: Inventory,
  devices: Cloud['devices'],
  wishes: readonly MachineWish[],
): StockedMachine[] | undefined {
  const isFree = freeTest({ inventory, devices })
  const taken = new Set(wishes.flatMap(({ machine }) => machine ?? []))
  const choices: StockedMachine[] = []
  for (const { plan, machine } of wishes) {
    const next = machine ?? inventory.machines.find((one) => one.plan === plan.slug && !taken.has(one) && isFree(one))
    if (next === undefined) return undefined
    taken.add(next)
    choices.push(next)
  }
  return choices
}
