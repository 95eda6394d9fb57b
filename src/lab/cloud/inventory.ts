// The machines of a cloud of hardware. A lab has no inventory: it makes machines as its memory allows.
import { nameUuid } from './name-uuid.ts'

/** A machine that exists. */
export interface StockedMachine {
  name: string
  /** Slug of its plan. */
  plan: string
  /** In small letters with colons, at least one; the first is eth0's. */
  macs: readonly [string, ...string[]]
}

/** All machines, and which of them may be used. */
export interface Inventory {
  readonly machines: readonly StockedMachine[]
  /** Why no device may get the machine: it is set aside, used by somebody else, or was on when it was first met. */
  whyUnusable(name: string): string | undefined
}

/** The id of a machine: that of its hardware reservation. */
export function machineId(name: string): string {
  return nameUuid(`machine ${name}`)
}
