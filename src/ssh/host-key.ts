// A host key on the wire: the blob of RFC 4253, section 6.6, a list of strings that begins with the key's type.
import { createHash } from 'node:crypto'
import { readStrings } from './wire.ts'

/** The number of fields after the type, and the minimum length of the first; ssh knows no other types. */
const shapes: Record<string, { fields: number; shortest: number }> = {
  'ssh-ed25519': { fields: 1, shortest: 32 },
  'ecdsa-sha2-nistp256': { fields: 2, shortest: 8 },
  'ecdsa-sha2-nistp384': { fields: 2, shortest: 8 },
  'ecdsa-sha2-nistp521': { fields: 2, shortest: 8 },
  'ssh-rsa': { fields: 2, shortest: 1 },
  'ssh-dss': { fields: 4, shortest: 1 },
  'sk-ssh-ed25519@openssh.com': { fields: 2, shortest: 32 },
  'sk-ecdsa-sha2-nistp256@openssh.com': { fields: 3, shortest: 8 },
}

/** The host key types, in the order in which ssh asks for them. */
export const keyTypes: readonly string[] = Object.keys(shapes)

/** Decodes a key from a file, type and base64; undefined if ssh would not accept it as a key. */
export function decodeHostKey(type: string, base64: string): Buffer | undefined {
  const text = base64.replace(/[\r\v\f]/g, '')
  const blob = Buffer.from(text, 'base64')
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined
  if (shape === undefined || blob.toString('base64') !== text) return undefined
  const fields = readStrings(blob)
  if (fields === undefined || fields.length !== shape.fields + 1 || fields[0]?.toString('latin1') !== type) {
    return undefined
  }
  return (fields[1]?.length ?? 0) >= shape.shortest ? blob : undefined
}

/** The type in a blob: `ssh-ed25519`; '' if unreadable. */
export function keyTypeOf(blob: Buffer): string {
  return readStrings(blob)?.[0]?.toString('latin1') ?? ''
}

/** `SHA256:…`, as ssh prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** Whether a fingerprint from elsewhere is that of a key: `SHA256:…` with or without padding, or MD5 in colon hex (RFC 4716). */
export function hasFingerprint(blob: Buffer, fingerprint: string): boolean {
  const text = fingerprint.trim()
  if (text.replace(/=+$/, '') === fingerprintOf(blob)) return true
  const md5 = createHash('md5').update(blob).digest('hex')
  return text.replace(/^MD5:/i, '').replaceAll(':', '').toLowerCase() === md5
}

/** The size of a key in bits; 0 if unknown. */
export function keySizeOf(blob: Buffer): number {
  const [type, first, second] = readStrings(blob)?.map((field) => field) ?? []
  const name = type?.toString('latin1') ?? ''
  const curve = /nistp(\d+)/.exec(name)?.[1]
  if (curve !== undefined) return Number(curve)
  if (name.includes('ed25519')) return 256
  const modulus = name === 'ssh-dss' ? first : second
  if (modulus === undefined) return 0
  return BigInt(`0x${modulus.toString('hex') || '0'}`).toString(2).length
}
