// A private key file: usable, locked by a passphrase, or unusable. The key text never leaves this file.
import { readFile } from 'node:fs/promises'
import ssh2, { type ParsedKey } from 'ssh2'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { quoteWord } from '../text/shell-word.ts'
import { keyTypeOf } from './host-key.ts'
import { fileIdentity, type Identity } from './one-key-agent.ts'
import { convertPem, findPemBlock } from './pem-key.ts'
import { createWireReader } from './wire.ts'

const makeOne = 'make one with ssh-keygen -t ed25519'

/** The contents of a file; `why` completes the sentence `"file" …`. */
export type KeyFile =
  | { kind: 'key'; key: ParsedKey }
  | { kind: 'missing' }
  /** Locked by a passphrase; some formats show the public half. */
  | { kind: 'encrypted'; publicKey: ParsedKey | undefined }
  | { kind: 'wrong-passphrase' }
  | { kind: 'unusable'; why: string; hint: string }

/** The fields of OpenSSH's own format that are not secret, or undefined if it is damaged (OpenSSH, PROTOCOL.key). */
function readOpenssh(text: string): { cipher: string; blob: Buffer } | undefined {
  const body = Buffer.from(text.replaceAll(/^-----.*$/gm, ''), 'base64')
  const magic = Buffer.from('openssh-key-v1\0')
  if (!body.subarray(0, magic.length).equals(magic)) return undefined
  const reader = createWireReader(body.subarray(magic.length))
  try {
    const cipher = reader.text()
    // The key derivation, its options, and the number of keys.
    reader.string()
    reader.string()
    reader.number()
    const blob = reader.string()
    reader.string()
    // An authenticating cipher appends its tag to the last field.
    const isWhole = reader.done || /gcm|poly1305/.test(cipher)
    return isWhole && blob.length > 0 ? { cipher, blob } : undefined
  } catch {
    return undefined
  }
}

/** The ciphers of OpenSSH's own format that ssh2 decrypts. */
const readableCiphers = /^(?:none|3des-cbc|aes(?:128|192|256)-(?:cbc|ctr)|aes(?:128|256)-gcm@openssh\.com)$/

/** Why a key in OpenSSH's own format cannot be used, whatever its passphrase; undefined if it can. */
function refuseOpenssh({ cipher, blob }: { cipher: string; blob: Buffer }, file: string): KeyFile | undefined {
  const type = keyTypeOf(blob)
  if (type.startsWith('sk-')) {
    return {
      kind: 'unusable',
      why: `needs a security key (${type}), which metalkit does not support`,
      hint: `name another with --identity, or ${makeOne}`,
    }
  }
  if (readableCiphers.test(cipher)) return undefined
  return {
    kind: 'unusable',
    why: `is encrypted with ${cipher}, which metalkit cannot decrypt`,
    hint: `encrypt it anew with ssh-keygen -p -Z aes256-ctr -f ${quoteWord(file)}`,
  }
}

/** The public half of a locked key: OpenSSH's format contains it; for others a file beside it may. */
async function readPublicHalf(blob: Buffer | undefined, file: string): Promise<ParsedKey | undefined> {
  const line =
    blob === undefined
      ? await readFile(`${file}.pub`, 'utf8').catch(() => '')
      : `${keyTypeOf(blob)} ${blob.toString('base64')}`
  const [key] = [ssh2.utils.parseKey(line)].flat()
  return key instanceof Error ? undefined : key
}

function damaged(why = 'is damaged: it does not contain a complete private key'): KeyFile {
  return { kind: 'unusable', why, hint: `name another with --identity, or ${makeOne}` }
}

/** The public key in `file.pub` or `file`; undefined if there is none. */
export async function readPublicKey(file: string): Promise<ParsedKey | undefined> {
  for (const name of [`${file}.pub`, file]) {
    const text = await readFile(name, 'utf8').catch(() => '')
    const [key] = [ssh2.utils.parseKey(text)].flat()
    if (key !== undefined && !(key instanceof Error) && !key.isPrivateKey()) return key
  }
  return undefined
}

/** A private key in OpenSSL's form from memory, as an identity. @param label names it in messages */
export function parseIdentity(pem: string, label: string): Identity {
  const [key] = [ssh2.utils.parseKey(pem)].flat()
  // The text is the caller's own, and never shown.
  if (key === undefined || key instanceof Error) throw new TypeError(`${label} is not a private key`)
  return fileIdentity(label, key)
}

/** Reads a private key; the result says what to do with it. Never throws, and never quotes the key. */
export async function readKeyFile(file: string, passphrase?: string): Promise<KeyFile> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    return { kind: 'unusable', why: `cannot be read: ${describeCondition(error)}`, hint: 'make it readable by you' }
  }
  const block = findPemBlock(text)
  if (block === undefined && text.includes('PRIVATE KEY-----')) return damaged()
  const openssh = block?.kind === 'OPENSSH' ? readOpenssh(block.text) : undefined
  if (block?.kind === 'OPENSSH' && openssh === undefined) return damaged()
  const refusal = openssh === undefined ? undefined : refuseOpenssh(openssh, file)
  if (refusal !== undefined) return refusal
  if (text.trim() === '') return { kind: 'unusable', why: 'is empty', hint: makeOne }
  if (text.startsWith('PuTTY-User-Key-File-3')) {
    return { kind: 'unusable', why: 'is a PuTTY key', hint: 'convert it with puttygen, -O private-openssh' }
  }
  const putty = text.startsWith('PuTTY-User-Key-File-') && !/^Encryption: none/m.test(text)
  const encrypted = block === undefined ? putty : block.encrypted || (openssh?.cipher ?? 'none') !== 'none'
  if (encrypted && passphrase === undefined) {
    return { kind: 'encrypted', publicKey: await readPublicHalf(openssh?.blob, file) }
  }
  const convert = block !== undefined && openssh === undefined
  const pem = convert ? convertPem(block, passphrase) : { kind: 'key' as const, text: block?.text.trimEnd() ?? text }
  if (pem.kind === 'unusable') return damaged(pem.why)
  if (pem.kind === 'wrong-passphrase') return pem
  // ssh2 returns a list for formats that may hold several keys.
  const [key] = [ssh2.utils.parseKey(pem.text, convert ? undefined : passphrase)].flat()
  if (encrypted && !convert && key instanceof Error) return { kind: 'wrong-passphrase' }
  if (key === undefined || key instanceof Error) {
    return { kind: 'unusable', why: 'is not a usable private key', hint: makeOne }
  }
  if (!key.isPrivateKey()) {
    return { kind: 'unusable', why: 'is a public key', hint: 'name the private one, without .pub' }
  }
  return { kind: 'key', key }
}
