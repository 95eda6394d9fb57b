// The files of the disc: a build of iPXE for each firmware that reads a script beside it, and isolinux, which starts it on BIOS.
import { readFile } from 'node:fs/promises'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import type { RackFile } from '../file/rack-file.ts'
import { type BinaryKind, binaryKinds } from '../netboot/boot-client.ts'
import { binaryOf } from '../netboot/choose-binaries.ts'
import { findInitrdWarnings, findStrangeness } from '../netboot/ipxe-files.ts'

/** Where distributions install them. Other than over the network, iPXE needs drivers of its own here. */
const places: Readonly<Record<BinaryKind | 'isolinux' | 'ldlinux', readonly string[]>> = {
  bios: ['/usr/lib/ipxe/ipxe.lkrn', '/usr/share/ipxe/ipxe.lkrn', '/usr/share/ipxe/x86_64/ipxe.lkrn'],
  uefi: [
    '/usr/lib/ipxe/ipxe.efi',
    '/usr/share/ipxe/ipxe-x86_64.efi',
    '/usr/share/ipxe/ipxe.efi',
    '/usr/share/ipxe/x86_64/ipxe.efi',
  ],
  uefiArm64: ['/usr/lib/ipxe/ipxe-arm64.efi', '/usr/share/ipxe/arm64-efi/ipxe.efi', '/usr/share/ipxe/arm64/ipxe.efi'],
  isolinux: [
    '/usr/lib/ISOLINUX/isolinux.bin',
    '/usr/share/syslinux/isolinux.bin',
    '/usr/lib/syslinux/bios/isolinux.bin',
  ],
  ldlinux: [
    '/usr/lib/syslinux/modules/bios/ldlinux.c32',
    '/usr/share/syslinux/ldlinux.c32',
    '/usr/lib/syslinux/bios/ldlinux.c32',
  ],
}

const names: Readonly<Record<keyof typeof places, string>> = {
  bios: 'the iPXE for BIOS (ipxe.lkrn)',
  uefi: 'the iPXE for UEFI (ipxe.efi)',
  uefiArm64: 'the iPXE for arm64 (ipxe-arm64.efi)',
  isolinux: 'isolinux.bin',
  ldlinux: 'ldlinux.c32',
}

/** The files of a disc, by use. */
export type DiscFiles = Partial<Record<keyof typeof places, { path: string; content: Buffer }>>

/** The chosen files. */
export interface DiscChoice {
  files: DiscFiles
  /** Why the disc cannot boot a machine of the rack, one line each. */
  problems: string[]
  /** Limits of the disc, one line each. */
  warnings: string[]
}

const autoexec = 'autoexec.ipxe'

/** Whether the build reads a script beside it: iPXE does since January 2021 (commit a3f1e8fb6). */
function readsScript(content: Buffer): boolean {
  return content.includes(autoexec) || content.includes(Buffer.from(autoexec, 'utf16le'))
}

function findProblem(use: keyof typeof places, path: string, content: Buffer): string | undefined {
  if (use === 'isolinux' || use === 'ldlinux') return undefined
  if (use === 'bios') {
    // A build in the form of a Linux kernel.
    return content.toString('latin1', 0x202, 0x206) === 'HdrS' ? undefined : `"${path}" is not an ipxe.lkrn`
  }
  const strange = findStrangeness(use, path, content)
  if (strange !== undefined) return strange
  return readsScript(content)
    ? undefined
    : `"${path}" is older than January 2021: it does not read the script on the disc (${autoexec}); name a newer one as ipxe.disc.${use}`
}

async function readIfAny(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

const installHint =
  'install iPXE and isolinux (Debian and Ubuntu: apt install ipxe isolinux syslinux-common; Fedora and its relatives: dnf install ipxe-bootimgs-x86 syslinux), or name iPXE as ipxe.disc in the rack file'

/** Chooses the files for the machines of a rack that boot from the disc. */
export async function chooseDiscFiles({ ipxe, machines }: Pick<RackFile, 'ipxe' | 'machines'>): Promise<DiscChoice> {
  const kinds = new Set(machines.filter(({ boot, inUse }) => boot === 'media' && !inUse).map(binaryOf))
  const uses = [
    ...binaryKinds.filter((kind) => kinds.has(kind)),
    ...(kinds.has('bios') ? (['isolinux', 'ldlinux'] as const) : []),
  ]
  const choice: DiscChoice = { files: {}, problems: [], warnings: [] }
  for (const use of uses) {
    const named = use === 'isolinux' || use === 'ldlinux' ? undefined : ipxe.disc[use]
    const candidates = named === undefined ? places[use] : [named]
    const found: { path: string; content: Buffer; problem: string | undefined }[] = []
    for (const path of candidates) {
      try {
        const content = await readIfAny(path)
        if (content !== undefined) found.push({ path, content, problem: findProblem(use, path, content) })
      } catch (error) {
        choice.problems.push(`cannot read "${path}": ${describeCondition(error)}`)
      }
    }
    const file = found.find(({ problem }) => problem === undefined)
    if (file !== undefined) {
      choice.files[use] = file
      if (use !== 'isolinux' && use !== 'ldlinux')
        choice.warnings.push(...findInitrdWarnings(use, file.path, file.content))
      continue
    }
    const missing = named === undefined ? `there is no ${names[use].replace(/^the /, '')}` : `"${named}" does not exist`
    choice.problems.push(found[0]?.problem ?? `${missing}: ${installHint}`)
  }
  return choice
}
