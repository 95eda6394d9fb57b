// An image: the three files that `linuxkit build` leaves, found by the prefix of their names and looked at before use.
import { access, constants, readFile, stat } from 'node:fs/promises'
import { describeCondition, errorCode, ImageError } from '../errors.ts'
import { readCmdline } from './cmdline.ts'
import { detectKernel } from '../kernel-format.ts'
import { type Compression, readKernelHead } from './kernel.ts'
import { type Kind, suffixes, suggestImage } from './suggest-image.ts'

/** A file of an image; size in bytes. */
interface ImageFile {
  path: string
  size: number
}

/** An image on disk that can be read. */
export interface Image {
  /** The prefix without its folder: what URLs and the script call it. */
  name: string
  kernel: ImageFile
  initrd: ImageFile
  cmdline: string
  /** What the kernel says it is for; undefined where it is no kernel that is known. */
  arch: 'x86_64' | 'aarch64' | undefined
  /** How the kernel is compressed, for which some boot loaders have no use. */
  kernelCompression: Compression | undefined
}

/**
 * Finds `<prefix>-kernel`, `<prefix>-initrd.img` and `<prefix>-cmdline`; the prefix may carry a folder.
 * @throws ImageError when one is missing, empty or unreadable, or when the name would not survive a URL
 */
export async function loadImage(prefix: string): Promise<Image> {
  const name = checkName(prefix)
  const kernel = await findFile(prefix, 'kernel')
  const initrd = await findFile(prefix, 'initrd')
  const { path } = await findFile(prefix, 'cmdline')
  const cmdline = readCmdline(await readFile(path).catch((error: unknown) => refuseFile('cmdline', path, error)), path)
  const { head, compression } = await readKernelHead(kernel.path).catch((error: unknown) =>
    refuseFile('kernel', kernel.path, error),
  )
  return { name, kernel, initrd, cmdline, arch: detectKernel(head), kernelCompression: compression }
}

function checkName(prefix: string): string {
  const hint = 'give the name that linuxkit build was given, with its folder where it is elsewhere'
  const name = prefix.slice(prefix.lastIndexOf('/') + 1)
  if (name === '') throw new ImageError(`image name "${prefix}" names no files`, { hint })
  // What stands for itself in a URL's path and in a line of iPXE, where a machine finds it.
  const wrong = /[^A-Za-z0-9._~+@=,:-]/u.exec(name)?.[0]
  if (wrong === undefined) return name
  throw new ImageError(
    `image name ${JSON.stringify(prefix)} has a character that URLs or iPXE would not carry (${JSON.stringify(wrong)})`,
    {
      hint: 'rename the files; letters, digits and ._~+@=,:- are safe',
    },
  )
}

async function findFile(prefix: string, kind: Kind): Promise<ImageFile> {
  const path = prefix + suffixes[kind]
  const refuse = (why: string, hint: string) => new ImageError(`${kind} "${path}" ${why}`, { hint })
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) throw refuse('is a folder', 'give the prefix of the files linuxkit build wrote')
    if (!stats.isFile()) throw refuse('is not a regular file', 'give the prefix of the files linuxkit build wrote')
    // An image may well be built without a command line, never without a kernel.
    if (stats.size === 0 && kind !== 'cmdline') throw refuse('is empty', 'run linuxkit build again')
    await access(path, constants.R_OK)
    return { path, size: stats.size }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw refuse('does not exist', await suggestImage(prefix, kind))
    return refuseFile(kind, path, error)
  }
}

function refuseFile(kind: Kind, path: string, error: unknown): never {
  const code = errorCode(error)
  if (code === undefined || error instanceof ImageError) throw error
  throw new ImageError(`${kind} "${path}" cannot be read: ${describeCondition(error)}`, {
    hint: 'check the path and its permissions',
    cause: error,
  })
}
