// Chooses the builds of iPXE for a rack's machines: those of its file, or else the distribution's.
import type { BinaryKind } from './boot-client.ts'
import { findIpxe, findIpxeFaults, type IpxeFile, lookAtIpxe } from './ipxe-files.ts'

/** The parts of a rack file that decide which builds it needs. */
interface Needs {
  ipxe: Partial<Record<BinaryKind, string | undefined>>
  machines: readonly {
    firmware: 'bios' | 'uefi'
    arch: 'x86_64' | 'aarch64'
    boot: string
    inUse: boolean
  }[]
}

/** The build for a machine. */
export function binaryOf({ firmware, arch }: Pick<Needs['machines'][number], 'firmware' | 'arch'>): BinaryKind {
  return firmware === 'bios' ? 'bios' : arch === 'aarch64' ? 'uefiArm64' : 'uefi'
}

/** The chosen builds of iPXE. */
export interface Binaries {
  files: Partial<Record<BinaryKind, IpxeFile>>
  /** Paths of the working builds. */
  binaries: Partial<Record<BinaryKind, string>>
  /** The faults of builds that machines need, one line each. */
  faults: string[]
}

/** Whether a machine may boot from the network: those that boot from a disc need no network boot. */
export function isNetbooted({ boot, inUse }: Pick<Needs['machines'][number], 'boot' | 'inUse'>): boolean {
  return !inUse && boot !== 'media'
}

/** Chooses the builds. */
export async function chooseBinaries({ ipxe, machines }: Needs): Promise<Binaries> {
  const needed = new Set(machines.filter(isNetbooted).map(binaryOf))
  const files = await findIpxe()
  for (const kind of needed) {
    const path = ipxe[kind]
    if (path === undefined) continue
    files[kind] = (await lookAtIpxe(kind, path)) ?? {
      kind,
      path,
      problem: `"${path}" does not exist`,
      warnings: [],
    }
  }
  const binaries: Binaries['binaries'] = {}
  for (const kind of needed) {
    const file = files[kind]
    if (file !== undefined && file.problem === undefined) binaries[kind] = file.path
  }
  return { files, binaries, faults: findIpxeFaults(needed, files) }
}
