// The lab's SSH keys: the SOS's host key and the user's key, created once and kept.
import { createPublicKey, generateKeyPair } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LabError } from '../../errors.ts'
import { errorCode, describeCondition } from '../../text/system-error.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { createPrivateFile, writePrivateFile } from '../storage/private-file.ts'

/** Keys, and the files that let ssh and metalkit use them. */
export interface LabKeys {
  /** RSA, PEM. */
  hostKey: string
  userKeyPath: string
  /** An authorized_keys line. */
  userPublicKey: string
  knownHostsPath: string
}

/** Reads a file; undefined if it does not exist. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Reads a file, and creates it if it is missing. If two labs start at the same time, both get the file that the first created. */
async function readOrCreate(path: string, make: () => Promise<string>): Promise<string> {
  const present = await readText(path)
  if (present !== undefined) return present
  await createPrivateFile(path, await make())
  return await readFile(path, 'utf8')
}

/** Writes a file unless it has this text already. */
async function ensureText(path: string, text: string): Promise<void> {
  if ((await readText(path)) === text) return
  await writePrivateFile(path, text)
}

/** A field of SSH's wire format: the length, then the bytes (RFC 4251, 5). */
function wireField(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The public half of an RSA key in PEM; undefined for anything else. */
function rsaBlob(privateKey: string): Buffer | undefined {
  if (!privateKey.startsWith('-----BEGIN RSA PRIVATE KEY-----')) return undefined
  try {
    const { e = '', n = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
    // A number whose first bit is set would be negative.
    const numbers = [e, n].map((text) => Buffer.from(text, 'base64url'))
    const fields = numbers.map((number) => ((number[0] ?? 0) < 0x80 ? number : Buffer.concat([Buffer.of(0), number])))
    return Buffer.concat([Buffer.from('ssh-rsa'), ...fields].map(wireField))
  } catch {
    return undefined
  }
}

/** The beginning of every unencrypted OpenSSH file with one ed25519 key (openssh's PROTOCOL.key). */
const ed25519Start = Buffer.concat([
  Buffer.from('openssh-key-v1\0'),
  ...['none', 'none', ''].map((text) => wireField(Buffer.from(text))),
  Buffer.of(0, 0, 0, 1, 0, 0, 0, 51),
])

/** The public half of an ed25519 key as the lab writes it; undefined for anything else. */
function ed25519Blob(privateKey: string): Buffer | undefined {
  const [, base64 = ''] =
    /^-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END OPENSSH PRIVATE KEY-----\n$/.exec(privateKey) ?? []
  const bytes = Buffer.from(base64, 'base64')
  const start = ed25519Start.length
  const secret = start + 51 + 4
  const [publicKey, again, inPrivate] = [start + 19, secret + 27, secret + 63 + 32].map((at) =>
    bytes.subarray(at, at + 32),
  )
  const isWhole =
    bytes.length > secret &&
    bytes.subarray(0, start).equals(ed25519Start) &&
    bytes.length === secret + bytes.readUInt32BE(secret - 4) &&
    bytes.subarray(secret, secret + 4).equals(bytes.subarray(secret + 4, secret + 8))
  const agrees = publicKey !== undefined && again?.equals(publicKey) === true && inPrivate?.equals(publicKey) === true
  return isWhole && agrees ? bytes.subarray(start, start + 51) : undefined
}

/**
 * The public half, as `ssh-rsa AAAA…`. The lab reads its own keys without ssh2, which takes long to load.
 * @throws LabError if the file is not a private key
 */
async function publicLine(path: string, privateKey: string): Promise<string> {
  const rsa = rsaBlob(privateKey)
  if (rsa !== undefined) return `ssh-rsa ${rsa.toString('base64')}`
  const ed25519 = ed25519Blob(privateKey)
  if (ed25519 !== undefined) return `ssh-ed25519 ${ed25519.toString('base64')}`
  const { default: ssh2 } = await import('ssh2')
  const key = ssh2.utils.parseKey(privateKey)
  if (key instanceof Error || !key.isPrivateKey()) {
    throw new LabError(`"${path}" is not a private key`, { hint: 'remove it; the next start creates a new one' })
  }
  return `${key.type} ${key.getPublicSSH().toString('base64')}`
}

/** Creates a host key for an SOS, as PEM. */
export async function makeHostKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 3072 })
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}

/** Creates the user's key. ssh2 1.17 loses a leading zero byte, so one key in 256 is invalid: such a key is discarded. */
async function makeUserKey(): Promise<string> {
  const { default: ssh2 } = await import('ssh2')
  for (;;) {
    const { private: key } = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'metalkit lab' })
    if (!(ssh2.utils.parseKey(key) instanceof Error)) return key
  }
}

/** The known_hosts line for these hosts, on every port. It keeps the hosts that another lab with this key added. */
function knownHostsText(hosts: readonly string[], hostLine: string, present: string): string {
  const [patterns = '', ...key] = present.trim().split(' ')
  const known = key.join(' ') === hostLine ? patterns.split(',') : []
  const wanted = ['127.0.0.1', 'localhost', ...hosts].flatMap((host) => [`[${host}]:*`, host])
  return `${[...new Set([...wanted, ...known])].join(',')} ${hostLine}\n`
}

/**
 * Loads the keys in `<stateFolder>/ssh`, and creates missing ones.
 * @param sosHosts names and addresses of the SOS, in addition to 127.0.0.1 and localhost
 * @throws LabError if a key file is damaged or the folder cannot be written
 */
export async function loadLabKeys(stateFolder: string, sosHosts: readonly string[]): Promise<LabKeys> {
  const folder = join(stateFolder, 'ssh')
  const hostKeyPath = join(folder, 'host_rsa')
  const userKeyPath = join(folder, 'user_ed25519')
  const knownHostsPath = join(folder, 'known_hosts')
  try {
    await makeFolder(folder, 0o700)
    const hostKey = await readOrCreate(hostKeyPath, makeHostKey)
    const userPublicKey = await publicLine(userKeyPath, await readOrCreate(userKeyPath, makeUserKey))
    await ensureText(`${userKeyPath}.pub`, `${userPublicKey} metalkit lab\n`)
    const present = (await readText(knownHostsPath)) ?? ''
    await ensureText(knownHostsPath, knownHostsText(sosHosts, await publicLine(hostKeyPath, hostKey), present))
    return { hostKey, userKeyPath, userPublicKey, knownHostsPath }
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    const why = describeCondition(cause)
    throw new LabError(`cannot keep keys in "${folder}": ${why}`, {
      hint: 'set XDG_STATE_HOME to a folder of yours',
      cause,
    })
  }
}
