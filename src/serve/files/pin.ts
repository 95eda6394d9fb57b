// Pins a name to the file it leads to, so that checks apply to the file that is then read, even if the name changes.
import { type BigIntStats, close, closeSync, constants, existsSync, fstat, open, readlinkSync } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** Linux's O_PATH: a descriptor that refers to a file without opening it, so that pipes and devices are not touched. */
const oPath = 0o10000000
const reading = constants.O_RDONLY | constants.O_NONBLOCK

/** A file or folder pinned at a path. Disposing it releases it. */
export interface Pin extends Disposable {
  readonly stats: BigIntStats
  /** Its real path, with links resolved. */
  readonly realPath: string
  /** A path that leads to exactly this file. */
  readonly path: string
}

/** The current name of an open file according to the kernel; undefined without /proc. */
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

/** Pins a path. @throws the error of the file system */
export async function pin(path: string): Promise<Pin> {
  if (!canHold) {
    const realPath = await realpath(path)
    return { realPath, path: realPath, stats: await lstat(realPath, { bigint: true }), [Symbol.dispose]: () => {} }
  }
  const fd = await openFd(path, oPath)
  try {
    const stats = await statFd(fd)
    // Closing an O_PATH descriptor never reaches the file system.
    const dispose = () => closeSync(fd)
    return { stats, realPath: nameOfDescriptor(fd) ?? '', path: `/proc/self/fd/${fd}`, [Symbol.dispose]: dispose }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Pins names below a pinned folder. */
export async function pinBelow(folder: Pin, ...names: string[]): Promise<Pin> {
  return await pin(join(folder.path, ...names))
}

/**
 * Opens a pinned file for reading. If it is pinned only by its name, the opened file is compared with the pinned one.
 * @returns a descriptor; undefined if the name now leads to another file
 */
export async function openPinned({ path, stats }: Pin): Promise<number | undefined> {
  const fd = await openFd(path, reading)
  if (canHold) return fd
  const opened = await statFd(fd)
  if (opened.dev === stats.dev && opened.ino === stats.ino) return fd
  close(fd, () => {})
  return undefined
}
