// A host certificate: a host key with names and a period of validity, signed by an authority (OpenSSH, PROTOCOL.certkeys).
import { createPublicKey, verify } from 'node:crypto'
import ssh2 from 'ssh2'
import { fingerprintOf, keyTypeOf } from './host-key.ts'
import { createWireReader, type WireReader, writeString } from './wire.ts'

/** The contents of a certificate. They are vouched for by `authority` once `checkCertificate` has verified the signature. */
export interface HostCertificate {
  /** The host's plain key. */
  key: Buffer
  /** The authority's key. */
  authority: Buffer
  kind: number
  principals: readonly string[]
  /** Validity in seconds since 1970: from the first, before the second. */
  validAfter: bigint
  validBefore: bigint
  /** Critical options: reject the certificate if any is unknown. */
  critical: Buffer
  signed: Buffer
  signature: Buffer
}

/** Certificate types and their key types, in the order in which ssh asks for them. */
export const certificateTypes = [
  'ssh-ed25519-cert-v01@openssh.com',
  'ecdsa-sha2-nistp256-cert-v01@openssh.com',
  'ecdsa-sha2-nistp384-cert-v01@openssh.com',
  'ecdsa-sha2-nistp521-cert-v01@openssh.com',
  'rsa-sha2-512-cert-v01@openssh.com',
  'rsa-sha2-256-cert-v01@openssh.com',
] as const

const suffix = '-cert-v01@openssh.com'
const hostKind = 2

/** How many strings follow the type in a key. */
function countFields(type: string): number | undefined {
  if (type === 'ssh-ed25519') return 1
  return type === 'ssh-rsa' || /^ecdsa-sha2-nistp(256|384|521)$/.test(type) ? 2 : undefined
}

function readStrings(bytes: Buffer): Buffer[] {
  const strings: Buffer[] = []
  for (const reader = createWireReader(bytes); !reader.done;) strings.push(reader.string())
  return strings
}

function readFields(reader: WireReader, blob: Buffer): HostCertificate | undefined {
  const type = reader.text()
  const plain = type.endsWith(suffix) ? type.slice(0, -suffix.length) : ''
  const count = countFields(plain)
  if (count === undefined) return undefined
  // The nonce.
  reader.string()
  const fields = Array.from({ length: count }, () => writeString(reader.string()))
  // The serial number.
  reader.long()
  const kind = reader.number()
  // The key ID.
  reader.string()
  const principals = readStrings(reader.string()).map((name) => name.toString())
  const [validAfter, validBefore] = [reader.long(), reader.long()]
  const critical = reader.string()
  // Extensions and the reserved field.
  reader.string()
  reader.string()
  const authority = reader.string()
  const signed = blob.subarray(0, reader.at)
  const key = Buffer.concat([writeString(plain), ...fields])
  return { key, authority, kind, principals, validAfter, validBefore, critical, signed, signature: reader.string() }
}

/** The certificate in a host key; undefined for a plain key or unreadable data. */
export function parseCertificate(blob: Buffer): HostCertificate | undefined {
  try {
    return readFields(createWireReader(blob), blob)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** An ECDSA number, padded to the curve's length. */
function padNumber(number: Buffer, length: number): Buffer {
  const digits = number.subarray(Math.max(0, number.length - length))
  return Buffer.concat([Buffer.alloc(length - digits.length), digits])
}

/** Verifies the authority's signature; SHA-1 signatures are rejected. */
function isSigned({ authority, signed, signature }: HostCertificate): boolean {
  try {
    const type = keyTypeOf(authority)
    const key = ssh2.utils.parseKey(`${type} ${authority.toString('base64')}`)
    if (key instanceof Error) return false
    const publicKey = createPublicKey(key.getPublicPEM())
    const reader = createWireReader(signature)
    const [algorithm, value] = [reader.text(), reader.string()]
    if (type === 'ssh-rsa') {
      const hash = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }[algorithm]
      return hash !== undefined && verify(hash, signed, publicKey, value)
    }
    if (algorithm !== type) return false
    if (type === 'ssh-ed25519') return verify(null, signed, publicKey, value)
    const [hash, length] = { '256': ['sha256', 32] as const, '384': ['sha384', 48] as const }[type.slice(-3)] ?? [
      'sha512',
      66,
    ]
    const [r, s] = readStrings(value)
    if (r === undefined || s === undefined) return false
    const both = Buffer.concat([padNumber(r, length), padNumber(s, length)])
    return verify(hash, signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, both)
  } catch {
    return false
  }
}

/** The date of a time in seconds since 1970. */
function dayOf(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000)
  return Number.isNaN(date.getTime()) ? 'the end of time' : date.toISOString().slice(0, 10)
}

/** Why a certificate does not vouch for a host at a time, as a clause; undefined if it does. */
export function checkCertificate(certificate: HostCertificate, host: string, nowMs: number): string | undefined {
  const { kind, principals, validAfter, validBefore, critical } = certificate
  const now = BigInt(Math.floor(nowMs / 1000))
  if (!isSigned(certificate)) return 'is not signed by the authority it names'
  if (kind !== hostKind) return 'is not a host certificate'
  if (now < validAfter) return `is not valid before ${dayOf(validAfter)}`
  if (now >= validBefore) return `expired on ${dayOf(validBefore)}`
  if (principals.length > 0 && !principals.includes(host.toLowerCase())) return `is for ${principals.join(', ')}`
  if (critical.length > 0) return 'has unknown critical options'
  return undefined
}

/** `ssh-ed25519 SHA256:…` */
export function describeAuthority({ authority }: HostCertificate): string {
  return `${keyTypeOf(authority)} ${fingerprintOf(authority)}`
}
