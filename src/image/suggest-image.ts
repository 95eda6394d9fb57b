// The names of an image's files, and what to do if one is missing: use an existing image, or build one.
import { readdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** The suffixes of an image's file names. */
export const suffixes = { kernel: '-kernel', initrd: '-initrd.img', cmdline: '-cmdline' } as const

/** A file of an image. */
export type Kind = keyof typeof suffixes

/** Other outputs of `linuxkit build` (src/cmd/linuxkit/moby/output.go): suffix and --format. Longer suffixes come first. */
const otherOutputs: readonly (readonly [suffix: string, format: string])[] = [
  ['-squashfs.img', 'kernel+squashfs'],
  ['-initrd.tar', 'tar-kernel-initrd'],
  ['-efi.iso', 'iso-efi'],
  ['.iso', 'iso-bios or kernel+iso'],
  ['-efi.img', 'raw-efi'],
  ['-bios.img', 'raw-bios'],
  ['-efi.qcow2', 'qcow2-efi'],
  ['.qcow2', 'qcow2-bios'],
  ['.img.tar.gz', 'gcp'],
  ['.raw', 'aws'],
  ['.vhd', 'vhd'],
  ['.vmdk', 'vmdk'],
  ['.tar', 'tar or rpi3'],
]

/** The hint for a missing file of the image with this prefix. */
export async function suggestImage(prefix: string, missing: Kind): Promise<string> {
  const folder = dirname(prefix)
  const entries = await readdir(folder).catch((): string[] => [])
  const wanted = basename(prefix)
  // The user may have named the file itself instead of its prefix.
  const itself = otherOutputs.find(([suffix]) => wanted.endsWith(suffix) && entries.includes(wanted))
  const name = itself === undefined ? wanted : wanted.slice(0, -itself[0].length)
  const build = `run linuxkit build --format kernel+initrd ${name.endsWith('.yml') ? prefix : `${name}.yml`}`
  if (missing === 'cmdline')
    return `create it with the kernel command line on one line; linuxkit build omits it if the command line is empty`
  const other = otherOutputs.find(([suffix]) => entries.includes(name + suffix))
  if (other !== undefined) {
    const [suffix, format] = other
    return `"${name}${suffix}" was written by --format ${format}, which iPXE cannot boot; ${build}`
  }
  const names = entries
    .filter((entry) => entry.endsWith(suffixes.kernel))
    .map((entry) => entry.slice(0, -suffixes.kernel.length))
    .filter((candidate) => candidate !== '' && candidate !== wanted && entries.includes(candidate + suffixes.initrd))
    .toSorted()
  if (names.length === 0) return `${build} first`
  const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
  return `found ${shown} in "${folder}"; or ${build}`
}
