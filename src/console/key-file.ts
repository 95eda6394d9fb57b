// A private key on disk: usable, locked by a passphrase, or neither. Nothing of its text leaves this file.
import { readFile } from 'node:fs/promises'
import ssh2, { type ParsedKey } from 'ssh2'
import { errorCode } from '../errors.ts'

/** What a file holds; `why` finishes the sentence `"file" …`. */
export type KeyFile =
  | { kind: 'key'; key: ParsedKey }
  | { kind: 'missing' }
  | { kind: 'encrypted' }
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

/** Reads a private key; the answer says what to do with it. Never throws, never quotes the key. */
export async function readKeyFile(file: string): Promise<KeyFile> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    return { kind: 'unusable', why: `cannot be read (${code ?? String(error)})`, hint: 'make it readable for you' }
  }
  if (isEncrypted(text)) return { kind: 'encrypted' }
  // ssh2 answers with a list for a format that may hold several keys.
  const [key] = [ssh2.utils.parseKey(text)].flat()
  if (key === undefined || key instanceof Error) {
    return { kind: 'unusable', why: 'is no private key that can be used', hint: 'make one with ssh-keygen -t ed25519' }
  }
  if (!key.isPrivateKey()) {
    return { kind: 'unusable', why: 'is a public key', hint: 'name the private one, without .pub' }
  }
  return { kind: 'key', key }
}
