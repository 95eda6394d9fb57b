// Private keys in PEM: finds the block in a file, and converts OpenSSL's forms into one that ssh2 reads.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { errorCode } from '../text/system-error.ts'

/** A PEM block of a private key; like ssh, ignores text around it, EC PARAMETERS and certificates. */
export interface PemBlock {
  /** The words before PRIVATE KEY: OPENSSH, RSA, EC, ENCRYPTED, or nothing in PKCS#8. */
  kind: string
  text: string
  encrypted: boolean
}

/** A key for ssh2, or the reason it cannot be used; `why` completes the sentence `"file" …`. */
export type PemKey = { kind: 'key'; text: string } | { kind: 'wrong-passphrase' } | { kind: 'unusable'; why: string }

/** The first private key in a text. */
export function findPemBlock(text: string): PemBlock | undefined {
  const pattern = /^[ \t]*-----BEGIN ((?:[A-Z0-9]+ )?)PRIVATE KEY-----[ \t]*\r?\n([\s\S]*?)-----END \1PRIVATE KEY-----/m
  const [, prefix, inside] = pattern.exec(text) ?? []
  if (prefix === undefined || inside === undefined) return undefined
  const kind = prefix.trim()
  const lines = inside.split(/\r?\n/).map((line) => line.trim())
  // An empty line ends the headers of a locked key; elsewhere it means nothing.
  const headers = lines.some((line) => line.includes(':'))
  const body = (headers ? lines : lines.filter((line) => line !== '')).join('\n').trimEnd()
  return {
    kind,
    text: `-----BEGIN ${prefix}PRIVATE KEY-----\n${body}\n-----END ${prefix}PRIVATE KEY-----\n`,
    encrypted: kind === 'ENCRYPTED' || /^Proc-Type: *4, *ENCRYPTED/m.test(body),
  }
}

function string(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** An Ed25519 key in OpenSSH's format, the only one that ssh2 reads for this type (OpenSSH, PROTOCOL.key). */
function opensshText(key: KeyObject): string {
  const { x = '', d = '' } = key.export({ format: 'jwk' })
  const publicHalf = Buffer.from(x, 'base64url')
  const type = string('ssh-ed25519')
  const secret = Buffer.concat([
    Buffer.alloc(8),
    type,
    string(publicHalf),
    string(Buffer.concat([Buffer.from(d, 'base64url'), publicHalf])),
    string(''),
  ])
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1))
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    Buffer.from([0, 0, 0, 1]),
    string(Buffer.concat([type, string(publicHalf)])),
    string(Buffer.concat([secret, padding])),
  ]).toString('base64')
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`
}

/** Whether a block without headers is one complete SEQUENCE, by its length. */
function isWhole({ text }: PemBlock): boolean {
  const der = Buffer.from(text.replaceAll(/^-----.*$/gm, ''), 'base64')
  const first = der[1] ?? 0
  const size = first > 0x80 ? first - 0x80 : 0
  if (der[0] !== 0x30 || size > 4 || der.length < 2 + size) return false
  return der.length === 2 + size + (size === 0 ? first : der.readUIntBE(2, size))
}

/** Classifies OpenSSL's error. Garbage decrypted with a wrong passphrase is a decoding error. */
function explain(error: unknown, block: PemBlock): PemKey {
  const code = errorCode(error)
  const stack = error instanceof Error && 'opensslErrorStack' in error ? error.opensslErrorStack : undefined
  if (code === 'ERR_OSSL_EVP_UNSUPPORTED') {
    return { kind: 'unusable', why: 'is locked with a cipher that OpenSSL no longer supports' }
  }
  const decrypted = code === 'ERR_OSSL_BAD_DECRYPT' || (Array.isArray(stack) && stack.length > 0)
  if (block.encrypted && decrypted && (block.kind !== 'ENCRYPTED' || isWhole(block)))
    return { kind: 'wrong-passphrase' }
  return { kind: 'unusable', why: 'is damaged: it does not contain a complete private key' }
}

/** Converts a block of OpenSSL (PKCS#8, RSA, EC) into text that ssh2 reads. */
export function convertPem(block: PemBlock, passphrase?: string): PemKey {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: block.text, ...(passphrase === undefined ? {} : { passphrase }) })
    // Damage may only show here.
    createPublicKey(key)
  } catch (error) {
    return explain(error, block)
  }
  const type = key.asymmetricKeyType
  if (type === 'ed25519') return { kind: 'key', text: opensshText(key) }
  if (type === 'rsa') return { kind: 'key', text: key.export({ type: 'pkcs1', format: 'pem' }).toString() }
  const curve = key.asymmetricKeyDetails?.namedCurve ?? 'EC'
  if (type === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(curve)) {
    // Through JWK, because a key with explicit curve parameters would keep them.
    const named = createPrivateKey({ key: key.export({ format: 'jwk' }), format: 'jwk' })
    return { kind: 'key', text: named.export({ type: 'sec1', format: 'pem' }).toString() }
  }
  return { kind: 'unusable', why: `is a key of type ${type === 'ec' ? curve : type}, which SSH does not use` }
}
