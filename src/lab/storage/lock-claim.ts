// The claim in a lock's file: the holder's process, its PID namespace, and as the file's time its last heartbeat.
import { type FileHandle, readFile, readlink } from 'node:fs/promises'
import { findProcess, nameProcess } from './process-name.ts'

const heartbeatMs = 2000
/** How old the last heartbeat of a holder may be. */
const maxSilenceMs = 15_000

/** A claim as read from a file. */
export interface Claim {
  text: string
  modifiedMs: number
}

/** The scope in which process numbers are unique: the current boot of this computer and the PID namespace; '' without /proc. */
async function describePlace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return `${boot.trim()} ${namespace}`.trim()
}

/** Reads the claim in an open file. */
export async function readClaim(file: FileHandle): Promise<Claim> {
  const bytes = Buffer.alloc(1024)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
  return { text: bytes.toString('utf8', 0, bytesRead), modifiedMs: (await file.stat()).mtimeMs }
}

/** Finds the process of a claim, if it runs in this namespace. */
export async function findHolder({ text }: Claim): Promise<number | undefined> {
  return await findProcess(text.split('\n')[0] ?? '')
}

/** Whether the holder of a claim also took the kernel's lock: such a claim ends with that lock. */
export function isLockedClaim({ text }: Claim): boolean {
  return text.split('\n')[2] === 'flock'
}

/** Whether the holder of a claim is running. In another PID namespace its number means nothing, so the heartbeat decides. */
export async function isClaimAlive(claim: Claim): Promise<boolean> {
  const place = claim.text.split('\n')[1]
  if (place === undefined || place === (await describePlace())) return (await findHolder(claim)) !== undefined
  return Math.abs(Date.now() - claim.modifiedMs) < maxSilenceMs
}

/** Writes the claim of this process into an open file and keeps it fresh. Disposing it ends that. */
export async function writeClaim(file: FileHandle, kind: 'flock' | 'heartbeat'): Promise<Disposable> {
  const text = `${await nameProcess(process.pid)}\n${await describePlace()}\n${kind}\n`
  await file.truncate()
  await file.write(text, 0)
  // The time is this computer's: a file server's clock may differ.
  const beat = setInterval(() => {
    const now = new Date()
    file.utimes(now, now).catch(() => {})
  }, heartbeatMs)
  beat.unref()
  return { [Symbol.dispose]: () => clearInterval(beat) }
}
