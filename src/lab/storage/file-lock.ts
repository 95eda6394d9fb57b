// A lock that ends with its process and holds across containers: the kernel's flock on an open file. Node has no call for it, so
// util-linux's flock locks the descriptor that it inherits, and the lock stays with our copy of it (flock(2)). On computers
// without that program, only the claim in the file protects the state.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type FileHandle, link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { errorCode } from '../../text/system-error.ts'
import { type Claim, findHolder, isClaimAlive, isLockedClaim, readClaim, writeClaim } from './lock-claim.ts'

/** The exit status of `flock -n` if another process holds the lock. */
const heldStatus = 1

/** The result of trying to lock a file: a lock to dispose of, or the process number of its holder, unknown if it is in another container. */
export type LockAttempt =
  | ({ state: 'locked' } & AsyncDisposable)
  | { state: 'held'; holder: number | undefined; [Symbol.asyncDispose]?: undefined }

/** Tries to lock a file, which is created if it is missing. The lock lasts until it is disposed of, or the process ends. */
export async function tryLock(path: string): Promise<LockAttempt> {
  const file = await open(path, 'r+').catch(async (error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error
    return await open(path, 'a+', 0o600)
  })
  const kernel = await flock(file)
  const claim = await readClaim(file)
  if (kernel === 'unknown') {
    await file.close()
    return await replaceClaim(path)
  }
  // A lab without the flock program holds it by its claim only.
  if (kernel === 'held' || (!isLockedClaim(claim) && (await isClaimAlive(claim)))) {
    await file.close()
    return { state: 'held', holder: await findHolder(claim) }
  }
  const beat = await writeClaim(file, 'flock')
  return {
    state: 'locked',
    async [Symbol.asyncDispose]() {
      beat[Symbol.dispose]()
      await file.truncate()
      await file.close()
    },
  }
}

async function flock(file: FileHandle): Promise<'locked' | 'held' | 'unknown'> {
  try {
    const child = spawn('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] })
    const [status] = await once(child, 'close')
    if (status === 0) return 'locked'
    return status === heldStatus ? 'held' : 'unknown'
  } catch {
    return 'unknown'
  }
}

async function lookAt(path: string): Promise<{ claim: Claim; kernel: Awaited<ReturnType<typeof flock>> } | undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch {
    return undefined
  }
  try {
    return { kernel: await flock(file), claim: await readClaim(file) }
  } finally {
    await file.close()
  }
}

/** Whether a process holds the lock of a file. Changes nothing. */
export async function isLocked(path: string): Promise<boolean> {
  const state = await lookAt(path)
  if (state === undefined) return false
  const { kernel, claim } = state
  if (kernel === 'held') return true
  return (kernel === 'unknown' || !isLockedClaim(claim)) && (await isClaimAlive(claim))
}

/** Removes a dead claim, unless another lab has replaced it in the meantime. */
async function removeClaim(path: string, own: string, dead: string): Promise<void> {
  const aside = `${own}.stale`
  await rename(path, aside).catch(() => {})
  const text = await readFile(aside, 'utf8').catch(() => dead)
  if (text !== dead) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/** Locks by the claim only: a link creates it atomically, and only if no claim exists. */
async function replaceClaim(path: string): Promise<LockAttempt> {
  const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const file = await open(own, 'wx+', 0o600)
  const beat = await writeClaim(file, 'heartbeat')
  const end = async () => {
    beat[Symbol.dispose]()
    await file.close()
  }
  try {
    for (;;) {
      try {
        await link(own, path)
        break
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
      }
      const claim = (await lookAt(path))?.claim ?? { text: '', modifiedMs: 0 }
      if (await isClaimAlive(claim)) {
        await end()
        return { state: 'held', holder: await findHolder(claim) }
      }
      await removeClaim(path, own, claim.text)
    }
  } catch (error) {
    await end()
    throw error
  } finally {
    await rm(own, { force: true })
  }
  return {
    state: 'locked',
    async [Symbol.asyncDispose]() {
      // A lab in another container may have replaced it while this computer slept.
      const [ours, there] = await Promise.all([file.stat(), stat(path).catch(() => undefined)])
      if (ours.ino === there?.ino) await rm(path, { force: true })
      await end()
    },
  }
}
