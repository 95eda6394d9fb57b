// The disc of `boot: media`, an ISO image that BIOS and UEFI boot. xorriso and mtools make it: both are everywhere.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RackError } from '../../errors.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import type { DiscFiles } from './disc-files.ts'

const run = promisify(execFile)

/** The sectors of a cylinder in the geometry that mformat is told: a megabyte. */
const cylinderSectors = 64 * 32
const sectorBytes = 512
/** Room for the FAT, its folders and the script. */
const spareBytes = 512 * 1024

const isolinuxConfig = `SERIAL 0 115200
DEFAULT ipxe
PROMPT 0
LABEL ipxe
  KERNEL ipxe.krn
  INITRD script.ipx
`

const installHint =
  'install it (Debian and Ubuntu: apt install xorriso mtools; Fedora and its relatives: dnf install xorriso mtools)'

function fail(why: string, options: { hint?: string; cause: unknown }): RackError {
  return new RackError(`the disc for boot: media cannot be made: ${why}`, options)
}

async function callProgram(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await run(program, args, { signal })
  } catch (cause) {
    signal.throwIfAborted()
    if (errorCode(cause) === 'ENOENT') throw fail(`${program} is not installed`, { hint: installHint, cause })
    const lines = String(Reflect.get(Object(cause), 'stderr') ?? '')
      .trim()
      .split('\n')
    const hint = `it works in "${tmpdir()}": if that is full, set TMPDIR to another folder`
    throw fail(`${program} failed: ${lines.at(-1) || describeCondition(cause)}`, { hint, cause })
  }
}

/** Lays the files that BIOS boots into the disc's tree. @returns the words for xorriso */
async function layBios({ bios, isolinux, ldlinux }: DiscFiles, script: string, tree: string): Promise<string[]> {
  if (bios === undefined || isolinux === undefined || ldlinux === undefined) return []
  const folder = join(tree, 'isolinux')
  await mkdir(folder)
  // isolinux reads names of at most eight and three letters.
  await writeFile(join(folder, 'isolinux.bin'), isolinux.content)
  await writeFile(join(folder, 'ldlinux.c32'), ldlinux.content)
  await writeFile(join(folder, 'ipxe.krn'), bios.content)
  await writeFile(join(folder, 'script.ipx'), script)
  await writeFile(join(folder, 'isolinux.cfg'), isolinuxConfig)
  const boot = ['-c', 'isolinux/boot.cat', '-b', 'isolinux/isolinux.bin', '-no-emul-boot']
  return [...boot, '-boot-load-size', '4', '-boot-info-table']
}

/** Lays the file system that UEFI boots into the disc's tree. @returns the words for xorriso */
async function layUefi(
  { uefi, uefiArm64 }: DiscFiles,
  script: string,
  { tree, folder, signal }: { tree: string; folder: string; signal: AbortSignal },
): Promise<string[]> {
  const programs = [
    { name: 'BOOTX64.EFI', file: uefi },
    { name: 'BOOTAA64.EFI', file: uefiArm64 },
  ].flatMap(({ name, file }) => (file === undefined ? [] : [{ name, content: file.content }]))
  if (programs.length === 0) return []
  const image = join(tree, 'efi.img')
  const bytes = programs.reduce((sum, { content }) => sum + content.length, spareBytes)
  const sectors = Math.ceil(bytes / sectorBytes / cylinderSectors) * cylinderSectors
  await callProgram('mformat', ['-C', '-i', image, '-T', String(sectors), '-h', '64', '-s', '32', '::'], signal)
  await callProgram('mmd', ['-i', image, '::/EFI', '::/EFI/BOOT'], signal)
  const copy = async (name: string, content: Buffer | string, place: string) => {
    await writeFile(join(folder, name), content)
    await callProgram('mcopy', ['-i', image, join(folder, name), place], signal)
  }
  for (const { name, content } of programs) await copy(name, content, `::/EFI/BOOT/${name}`)
  await copy('autoexec.ipxe', script, '::/autoexec.ipxe')
  return ['-eltorito-alt-boot', '-e', 'efi.img', '-no-emul-boot']
}

/** Makes the disc in a folder that is empty. */
async function makeIn(folder: string, files: DiscFiles, script: string, signal: AbortSignal): Promise<Buffer> {
  const tree = join(folder, 'tree')
  await mkdir(tree)
  const bios = await layBios(files, script, tree)
  const uefi = await layUefi(files, script, { tree, folder, signal })
  const image = join(folder, 'disc.iso')
  const words = ['-as', 'mkisofs', '-quiet', '-o', image, '-V', 'METALKIT', '-r', ...bios, ...uefi, tree]
  await callProgram('xorriso', words, signal)
  return await readFile(image)
}

/** Makes the disc. @throws RackError if a program is missing or fails, or the disk is full; signal.reason */
export async function makeDisc(files: DiscFiles, script: string, signal: AbortSignal): Promise<Buffer> {
  const place = tmpdir()
  let folder: string | undefined
  try {
    folder = await mkdtemp(join(place, 'metalkit-disc-'))
    return await makeIn(folder, files, script, signal)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw fail(`"${place}" cannot be used: ${describeCondition(cause)}`, {
      hint: 'set TMPDIR to a folder with 20 MB of space',
      cause,
    })
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}
