// The names of an image's files, and what to do if one is missing: take an image that is there, or build one.
import { readdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** How the names of an image's files end. */
export const suffixes = { kernel: '-kernel', initrd: '-initrd.img', cmdline: '-cmdline' } as const

/** A file of an image. */
export type Kind = keyof typeof suffixes

/** What else `linuxkit build` writes (src/cmd/linuxkit/moby/output.go): how its names end, and the --format. Longer ends come first. */
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
  const asked = basename(prefix)
  // The file itself may have been named where its prefix is wanted.
  const itself = otherOutputs.find(([suffix]) => asked.endsWith(suffix) && entries.includes(asked))
  const name = itself === undefined ? asked : asked.slice(0, -itself[0].length)
  const build = `run linuxkit build --format kernel+initrd ${name.endsWith('.yml') ? prefix : `${name}.yml`}`
  if (missing === 'cmdline')
    return `make it, with the kernel command line in one line; linuxkit build writes none if that is empty`
  const other = otherOutputs.find(([suffix]) => entries.includes(name + suffix))
  if (other !== undefined) {
    const [suffix, format] = other
    return `"${name}${suffix}" is what --format ${format} wrote, which iPXE does not boot; ${build}`
  }
  const names = entries
    .filter((entry) => entry.endsWith(suffixes.kernel))
    .map((entry) => entry.slice(0, -suffixes.kernel.length))
    .filter((found) => found !== '' && found !== asked && entries.includes(found + suffixes.initrd))
    .toSorted()
  if (names.length === 0) return `${build} first`
  const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
  return `found ${shown} in "${folder}"; or ${build}`
}
