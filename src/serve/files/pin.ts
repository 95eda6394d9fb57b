// A name, looked up once and held: what is decided about it holds for what is then read, whatever happens to the name.
import { type BigIntStats, close, closeSync, constants, existsSync, fstat, open, readlinkSync } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** O_PATH of Linux: a descriptor that stands for the file and does not open it, so that pipes and devices are not touched. */
const oPath = 0o10000000
const reading = constants.O_RDONLY | constants.O_NONBLOCK

/** Something found at a path. Disposing it lets go of it. */
export interface Pin extends Disposable {
  readonly stats: BigIntStats
  /** Where it really is, links resolved. */
  readonly realPath: string
  /** A path that leads to this very thing. */
  readonly path: string
}

/** The name that an open file has now, as the kernel tells it. Undefined where it does not (no /proc). */
export function nameOfDescriptor(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

function openFd(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, (error, fd) => (error === null ? resolve(fd) : reject(error)))
  })
}

function statFd(fd: number): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fstat(fd, { bigint: true }, (error, stats) => (error === null ? resolve(stats) : reject(error)))
  })
}

const canHold = process.platform === 'linux' && existsSync('/proc/self/fd')

/** Looks up a path. @throws the error of the file system */
export async function pin(path: string): Promise<Pin> {
  if (!canHold) {
    const realPath = await realpath(path)
    return { realPath, path: realPath, stats: await lstat(realPath, { bigint: true }), [Symbol.dispose]: () => {} }
  }
  const fd = await openFd(path, oPath)
  try {
    const stats = await statFd(fd)
    // Closing a descriptor that opened nothing asks no file system.
    const dispose = () => closeSync(fd)
    return { stats, realPath: nameOfDescriptor(fd) ?? '', path: `/proc/self/fd/${fd}`, [Symbol.dispose]: dispose }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Looks up names below a folder that is held. */
export async function pinBelow(folder: Pin, ...names: string[]): Promise<Pin> {
  return await pin(join(folder.path, ...names))
}

/**
 * Opens what is held for reading. Where it can only be held by its name, what was opened is compared with it.
 * @returns a descriptor; undefined if it is another file by now
 */
export async function openPinned({ path, stats }: Pin): Promise<number | undefined> {
  const fd = await openFd(path, reading)
  if (canHold) return fd
  const opened = await statFd(fd)
  if (opened.dev === stats.dev && opened.ino === stats.ino) return fd
  close(fd, () => {})
  return undefined
}
