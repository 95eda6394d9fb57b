// An image: the three files that `linuxkit build` writes, found by the prefix of their names and checked before use.
import { access, constants, readFile, stat } from 'node:fs/promises'
import { ImageError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { readCmdline } from './cmdline.ts'
import { detectKernel } from '../kernel-format.ts'
import { type Compression, readKernelHead } from './kernel.ts'
import { type Kind, suffixes, suggestImage } from './suggest-image.ts'

/** A file of an image; size in bytes. */
interface ImageFile {
  path: string
  size: number
}

/** A readable image on disk. */
export interface Image {
  /** The prefix without its folder, as used in URLs and the script. */
  name: string
  kernel: ImageFile
  initrd: ImageFile
  cmdline: string
  /** The kernel's architecture; undefined for an unknown kind of kernel. */
  arch: 'x86_64' | 'aarch64' | undefined
  /** How the kernel is compressed; some boot loaders do not support it. */
  kernelCompression: Compression | undefined
}

/**
 * Finds `<prefix>-kernel`, `<prefix>-initrd.img` and `<prefix>-cmdline`; the prefix may include a folder.
 * @throws ImageError if a file is missing, empty or unreadable, or if the name would not survive in a URL
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
  const hint = 'pass the name that you passed to linuxkit build, with its folder if it is elsewhere'
  const name = prefix.slice(prefix.lastIndexOf('/') + 1)
  if (name === '') throw new ImageError(`image name "${prefix}" names no files`, { hint })
  // Characters that need no escaping in a URL's path or in a line of iPXE.
  const wrong = /[^A-Za-z0-9._~+@=,:-]/u.exec(name)?.[0]
  if (wrong === undefined) return name
  throw new ImageError(
    `image name ${JSON.stringify(prefix)} has a character that URLs or iPXE would not preserve (${JSON.stringify(wrong)})`,
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
    if (stats.isDirectory()) throw refuse('is a folder', 'pass the prefix of the files that linuxkit build wrote')
    if (!stats.isFile()) throw refuse('is not a regular file', 'pass the prefix of the files that linuxkit build wrote')
    // An image may be built without a command line, but never without a kernel.
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
