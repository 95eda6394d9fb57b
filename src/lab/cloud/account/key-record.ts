// The SSH public keys of users and projects in the API.
import { createHash, randomUUID } from 'node:crypto'

/** A key as the API stores it. */
export interface KeyRecord {
  readonly id: string
  /** The project that owns the key; undefined for the user's keys. */
  readonly projectId: string | undefined
  label: string
  /** The authorized_keys line as it was sent, including surrounding white space. */
  key: string
  /** MD5, separated by colons, as the API shows it. */
  fingerprint: string
  tags: readonly string[]
  /** RFC 3339. */
  readonly createdAt: string
  updatedAt: string
}

/** The line that authorizes a key. */
export function lineOf({ key }: Pick<KeyRecord, 'key'>): string {
  return key.trim()
}

const keyLine = /^(ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp(?:256|384|521)|sk-[\w@.-]+) ([A-Za-z0-9+/]+={0,2})(?: .*)?$/

/** Creates a record from an OpenSSH public key line; undefined if the line is not a public key. */
export function createKeyRecord(
  projectId: string | undefined,
  key: string,
  label: string,
  tags: readonly string[] = [],
  id: string = randomUUID(),
): KeyRecord | undefined {
  const [, type, base64] = keyLine.exec(lineOf({ key })) ?? []
  if (type === undefined || base64 === undefined) return undefined
  const blob = Buffer.from(base64, 'base64')
  // The blob begins with its own type, a length and the text (RFC 4253, 6.6); anything else is not a key of that type.
  if (blob.length < 4 + type.length || blob.toString('latin1', 4, 4 + type.length) !== type) return undefined
  const fingerprint = createHash('md5')
    .update(blob)
    .digest('hex')
    .replaceAll(/(..)(?=.)/g, '$1:')
  const now = new Date().toISOString()
  return { id, projectId, label, key, fingerprint, tags, createdAt: now, updatedAt: now }
}
