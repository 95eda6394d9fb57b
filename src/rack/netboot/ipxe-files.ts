// Finds the builds of iPXE that distributions install, and checks their features.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import { type BinaryKind, binaryKinds } from './boot-client.ts'

/** Where distributions install them: Debian and Ubuntu, Fedora and its relatives, Arch, Alpine and openSUSE. */
export const ipxePlaces: Readonly<Record<BinaryKind, readonly string[]>> = {
  bios: ['/usr/lib/ipxe/undionly.kpxe', '/usr/share/ipxe/undionly.kpxe', '/usr/share/ipxe/x86_64/undionly.kpxe'],
  uefi: [
    '/usr/lib/ipxe/snponly.efi',
    '/usr/share/ipxe/ipxe-snponly-x86_64.efi',
    '/usr/share/ipxe/snponly.efi',
    '/usr/share/ipxe/x86_64/snponly.efi',
  ],
  uefiArm64: [
    '/usr/lib/ipxe/snponly-arm64.efi',
    '/usr/share/ipxe/arm64-efi/snponly.efi',
    '/usr/share/ipxe/arm64/snponly.efi',
    '/usr/lib/ipxe/ipxe-arm64.efi',
  ],
}

/** A build of iPXE. */
export interface IpxeFile {
  kind: BinaryKind
  path: string
  /** The version that the build contains; BIOS builds are compressed and show none. */
  version?: string
  /** It does not work for the kind of machine. */
  problem?: string
  /** It works with limits. */
  warnings: readonly string[]
}

/** LINUX_EFI_INITRD_MEDIA_GUID, by which Linux asks iPXE for its initrd: in builds since February 2023 (iPXE's commit 6a004be0c). */
const initrdGuid = Buffer.from('27e46855fc683d4fac74ca555231cc68', 'hex')

const peMachines: Readonly<Record<BinaryKind, number | undefined>> = {
  bios: undefined,
  uefi: 0x8664,
  uefiArm64: 0xaa64,
}

/** The machine type of a PE program; undefined for other files. */
function peMachineOf(content: Buffer): number | undefined {
  if (content.length < 64 || content.toString('latin1', 0, 2) !== 'MZ') return undefined
  const at = content.readUInt32LE(60)
  if (at + 6 > content.length || content.toString('latin1', at, at + 4) !== 'PE\0\0') return undefined
  return content.readUInt16LE(at + 4)
}

/** The version in a program: a distribution's, or iPXE's own with its commit. */
function versionOf(content: Buffer): string | undefined {
  return /\d+\.\d+\.\d+(?:-\d+)?\+ ?(?:git|\(g)[\w.()-]*|\d+\.\d+\.\d+\+dfsg[\w.+~-]*/.exec(
    content.toString('latin1'),
  )?.[0]
}

/** Why a build is not for a kind of machine; undefined if it is. */
export function findStrangeness(kind: BinaryKind, path: string, content: Buffer): string | undefined {
  const machine = peMachineOf(content)
  if (machine === peMachines[kind]) return undefined
  const is =
    machine === undefined
      ? 'not a UEFI program'
      : `a UEFI program for another kind of machine (0x${machine.toString(16)})`
  return `"${path}" is ${is}`
}

/** Warns of a build that gives Linux no initrd on UEFI. */
export function findInitrdWarnings(kind: BinaryKind, path: string, content: Buffer): string[] {
  if (kind === 'bios' || content.includes(initrdGuid)) return []
  return [
    `"${path}" is older than February 2023: Linux finds its initrd only if the script names it with initrd=, which LinuxKit's scripts for x86_64 do not; install a newer iPXE`,
  ]
}

/** Examines a build of iPXE. */
export function examineIpxe(kind: BinaryKind, path: string, content: Buffer): IpxeFile {
  const version = versionOf(content)
  const file = { kind, path, ...(version === undefined ? {} : { version }) }
  const problem = findStrangeness(kind, path, content)
  if (problem !== undefined) return { ...file, problem, warnings: [] }
  const warnings = findInitrdWarnings(kind, path, content)
  const name = basename(path)
  if (/^ipxe\b/.test(name) && !name.includes('snponly')) {
    warnings.push(`"${path}" uses drivers of its own, which hang on some network cards: use snponly.efi`)
  }
  return { ...file, warnings }
}

/** Reads and examines a build. @returns undefined if the file does not exist */
export async function lookAtIpxe(kind: BinaryKind, path: string): Promise<IpxeFile | undefined> {
  try {
    return examineIpxe(kind, path, await readFile(path))
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    return { kind, path, problem: `cannot read "${path}": ${describeCondition(error)}`, warnings: [] }
  }
}

/** Finds the builds that are installed: the first of each kind that works, or else the first. */
export async function findIpxe(places = ipxePlaces): Promise<Partial<Record<BinaryKind, IpxeFile>>> {
  const builds: Partial<Record<BinaryKind, IpxeFile>> = {}
  for (const kind of binaryKinds) {
    const files = (await Promise.all(places[kind].map((path) => lookAtIpxe(kind, path)))).filter(
      (file) => file !== undefined,
    )
    const file = files.find(({ problem }) => problem === undefined) ?? files[0]
    if (file !== undefined) builds[kind] = file
  }
  return builds
}

const ipxeHint =
  'install iPXE (Debian and Ubuntu: apt install ipxe; Fedora and its relatives: dnf install ipxe-bootimgs-x86 ipxe-bootimgs-aarch64), or name the files under ipxe in the rack file'

/** The faults of the builds that the machines need, one line each. */
export function findIpxeFaults(needed: Iterable<BinaryKind>, builds: Partial<Record<BinaryKind, IpxeFile>>): string[] {
  return [...needed].flatMap((kind) => {
    const file = builds[kind]
    if (file === undefined) return [`there is no iPXE for ${kind}: ${ipxeHint}`]
    return file.problem === undefined ? file.warnings : [`${file.problem}: ${ipxeHint}`]
  })
}
