// A lock that ends with its process and holds across containers: the kernel's flock on an open file. Node has no call for it, so
// util-linux's flock locks the descriptor that it inherits, and the lock stays with our copy of it (flock(2)).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'

/** `flock -n` ends so if another has the lock. */
const heldStatus = 1

/** What came of trying to lock a file. `unknown` is a computer without flock: then only process numbers tell. */
export type LockAttempt = { state: 'locked'; file: FileHandle } | { state: 'held' } | { state: 'unknown' }

/** Tries to lock a file, which is made if it is missing. The lock lasts until the file is closed, or the process ends. */
export async function tryLock(path: string): Promise<LockAttempt> {
  return await lock(await open(path, 'a+', 0o600))
}

async function lock(file: FileHandle): Promise<LockAttempt> {
  let status: unknown
  try {
    const child = spawn('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] })
    ;[status] = await once(child, 'close')
  } catch {
    status = undefined
  }
  if (status === 0) return { state: 'locked', file }
  await file.close()
  return { state: status === heldStatus ? 'held' : 'unknown' }
}

/** Whether a process holds the lock of a file; undefined if that cannot be told, or there is no such file. Changes nothing. */
export async function isLocked(path: string): Promise<boolean | undefined> {
  try {
    const attempt = await lock(await open(path, 'r'))
    if (attempt.state === 'locked') await attempt.file.close()
    return attempt.state === 'unknown' ? undefined : attempt.state === 'held'
  } catch {
    return undefined
  }
}
