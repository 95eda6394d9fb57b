// Files whose name is already deleted, so that nothing is left behind, however the lab ends.
import { closeSync, mkdtempSync, openSync, rmdirSync, unlinkSync, writeSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rmdir, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const prefix = () => join(tmpdir(), 'metalkit-')

/** Opens an empty nameless file for reading and writing; a child process inherits its descriptor and opens it at /dev/fd. */
export async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(prefix())
  const path = join(folder, 'bytes')
  try {
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  } finally {
    await rmdir(folder)
  }
}

/** Bytes in a nameless file, whose descriptor stands at its start. */
export interface NamelessBytes extends Disposable {
  fd: number
}

/**
 * Stores the few bytes that a machine is started with. This is synchronous: each turn of the event loop before the start may go to a
 * console's key exchange, which takes longer than all of this.
 */
export function storeNameless(bytes: Uint8Array): NamelessBytes {
  const folder = mkdtempSync(prefix())
  const path = join(folder, 'bytes')
  try {
    const fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    try {
      // QEMU may share the position (/dev/fd on macOS), so it stays at the start.
      writeSync(fd, bytes, 0, bytes.length, 0)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    return { fd, [Symbol.dispose]: () => closeSync(fd) }
  } finally {
    rmdirSync(folder)
  }
}
