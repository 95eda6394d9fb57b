// SSH public keys that users and projects keep in the API.
import { createHash, randomUUID } from 'node:crypto'

/** A key as the API keeps it. */
export interface KeyRecord {
  readonly id: string
  /** The project it belongs to; undefined for the user's. */
  readonly projectId: string | undefined
  label: string
  /** The line of authorized_keys as it was sent, white space around it included. */
  key: string
  /** MD5 in colons, as the API shows it. */
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

/** A record of an OpenSSH public key line, undefined where the line is none. */
export function createKeyRecord(
  projectId: string | undefined,
  key: string,
  label: string,
  tags: readonly string[] = [],
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
  return { id: randomUUID(), projectId, label, key, fingerprint, tags, createdAt: now, updatedAt: now }
}
