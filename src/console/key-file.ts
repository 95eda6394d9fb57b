// A private key on disk: usable, locked by a passphrase, or neither. Nothing of its text leaves this file.
import { readFile } from 'node:fs/promises'
import ssh2, { type ParsedKey } from 'ssh2'
import { errorCode } from '../errors.ts'
import { keyTypeOf } from './host-key.ts'

/** What a file holds; `why` finishes the sentence `"file" …`. */
export type KeyFile =
  | { kind: 'key'; key: ParsedKey }
  | { kind: 'missing' }
  /** Locked by a passphrase; what its public half is can be told of some. */
  | { kind: 'encrypted'; publicKey: ParsedKey | undefined }
  | { kind: 'wrong-passphrase' }
  | { kind: 'unusable'; why: string; hint: string }

/** Whether a private key is locked, by what its format says: OpenSSH names a cipher, PEM a header, PuTTY a line. */
function isEncrypted(text: string): boolean {
  const openssh = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END/.exec(text)
  if (openssh !== null) {
    const magic = Buffer.from('openssh-key-v1\0')
    const body = Buffer.from(openssh[1] ?? '', 'base64')
    if (body.length < magic.length + 4 || !body.subarray(0, magic.length).equals(magic)) return false
    const start = magic.length + 4
    return body.toString('latin1', start, start + body.readUInt32BE(magic.length)) !== 'none'
  }
  return (
    /^-----BEGIN ENCRYPTED PRIVATE KEY-----/m.test(text) ||
    /^Proc-Type: 4,ENCRYPTED/m.test(text) ||
    (text.startsWith('PuTTY-User-Key-File-') && !/^Encryption: none/m.test(text))
  )
}

/** The public half of a locked key: OpenSSH's format holds it in the open, of others a file beside may. */
async function readPublicHalf(text: string, file: string): Promise<ParsedKey | undefined> {
  const body = Buffer.from(/-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END/.exec(text)?.[1] ?? '', 'base64')
  // The magic, then strings: cipher, derivation, its options; the number of keys; the public key.
  let at = 'openssh-key-v1\0'.length
  const next = () => {
    const end = at + 4 + (at + 4 <= body.length ? body.readUInt32BE(at) : 0)
    const field = body.subarray(at + 4, end)
    at = end
    return field
  }
  next()
  next()
  next()
  at += 4
  const blob = next()
  const line =
    blob.length > 0
      ? `${keyTypeOf(blob)} ${blob.toString('base64')}`
      : await readFile(`${file}.pub`, 'utf8').catch(() => '')
  const [key] = [ssh2.utils.parseKey(line)].flat()
  return key instanceof Error ? undefined : key
}

/** The public key a file holds, `file.pub` or `file` itself; undefined where there is none. */
export async function readPublicKey(file: string): Promise<ParsedKey | undefined> {
  for (const name of [`${file}.pub`, file]) {
    const text = await readFile(name, 'utf8').catch(() => '')
    const [key] = [ssh2.utils.parseKey(text)].flat()
    if (key !== undefined && !(key instanceof Error) && !key.isPrivateKey()) return key
  }
  return undefined
}

/** Reads a private key; the answer says what to do with it. Never throws, never quotes the key. */
export async function readKeyFile(file: string, passphrase?: string): Promise<KeyFile> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    return { kind: 'unusable', why: `cannot be read (${code ?? String(error)})`, hint: 'make it readable for you' }
  }
  const encrypted = isEncrypted(text)
  if (encrypted && passphrase === undefined) return { kind: 'encrypted', publicKey: await readPublicHalf(text, file) }
  // ssh2 answers with a list for a format that may hold several keys.
  const [key] = [ssh2.utils.parseKey(text, passphrase)].flat()
  if (encrypted && key instanceof Error) return { kind: 'wrong-passphrase' }
  if (key === undefined || key instanceof Error) {
    return { kind: 'unusable', why: 'is no private key that can be used', hint: 'make one with ssh-keygen -t ed25519' }
  }
  if (!key.isPrivateKey()) {
    return { kind: 'unusable', why: 'is a public key', hint: 'name the private one, without .pub' }
  }
  return { kind: 'key', key }
}
