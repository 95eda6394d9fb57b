// What is behind a descriptor or path: file systems that may hang (they depend on a server, and while it does not answer, calls
// to them do not return), and files that two descriptors share.
// bin.ts does not need promises, which Node loads here on their first use.
import { fstatSync, promises, readFileSync, statfsSync } from 'node:fs'

/** File systems that depend on a server, by their Linux magic numbers (statfs(2), linux/magic.h). */
const remoteTypes: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x65735546, // FUSE, virtiofs
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x517b, // SMB
  0x01021997, // 9p
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x6b414653, // kAFS
  0x73757245, // Coda
  0x0bd00bd0, // Lustre
  0x786f4256, // VirtualBox's shared folders
])

function isRemoteType(type: number): boolean {
  return process.platform === 'linux' && remoteTypes.has(type >>> 0)
}

/** True if a file is on a file system that may hang; while it does, this promise waits. @throws the error of the file system */
export async function isRemote(path: string): Promise<boolean> {
  return isRemoteType((await promises.statfs(path)).type)
}

/** Their names in the mount table. */
const remoteNames = /^(?:nfs|fuse|virtiofs|cifs|smb|9p|ceph|afs|coda|lustre|vboxsf)/

/** True if a path is on such a file system by the mount table: nothing hangs, but links are not followed. */
export function isRemoteMount(path: string, table = readMounts()): boolean {
  let closest = { point: '', type: '' }
  for (const line of table.split('\n')) {
    // proc(5): the fields before " - " vary in number.
    const [before = '', after = ''] = line.split(' - ')
    const escaped = before.split(' ')[4] ?? ''
    const point = escaped.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`)
    // A later mount hides an earlier one.
    if (isAbove && point.length >= closest.point.length) closest = { point, type: after.split(' ')[0] ?? '' }
  }
  return remoteNames.test(closest.type)
}

function readMounts(): string {
  return process.platform === 'linux' ? readFileSync('/proc/self/mountinfo', 'utf8') : ''
}

/** True if writes to this descriptor, which the program was started with, may hang. */
export function mayHang(fd: number): boolean {
  try {
    return fstatSync(fd).isFile() && isRemoteType(statfsSync(`/proc/self/fd/${fd}`).type)
  } catch {
    return false
  }
}

/** True if two descriptors are the same terminal, file or pipe. */
export function isSameFile(fd: number, other: number): boolean {
  try {
    const [first, second] = [fstatSync(fd), fstatSync(other)]
    return first.ino === second.ino && first.dev === second.dev
  } catch {
    return false
  }
}
