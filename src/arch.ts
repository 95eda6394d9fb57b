// A machine's architecture. The API has no field for it, so it is derived from the plan's slug.
import { arch } from 'node:os'

/** An architecture, as upstream's flags and the kernel's own tools name it. */
export type Arch = 'x86_64' | 'aarch64'

// The patterns of Packet's own boot server (tinkerbell/smee v0.8.0), and the one arm plan whose name does not show it.
const armMarks = ['.arm', 'baremetal_2a', 'baremetal_hua', 'c2.large.anbox']

/** The architecture of a plan's machines, from its slug: `c3.large.arm64` is aarch64, `c3.small.x86` x86_64. */
export function archOfPlan(slug: string): Arch {
  const lower = slug.toLowerCase()
  return armMarks.some((mark) => lower.includes(mark)) ? 'aarch64' : 'x86_64'
}

/** The architecture of this computer. Any other than these two counts as x86_64, like most machines for rent. */
export function hostArch(): Arch {
  return arch() === 'arm64' ? 'aarch64' : 'x86_64'
}
