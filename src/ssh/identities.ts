// The keys to log in with: only the named ones, or the agent's and then ssh's files. All are read and unlocked before
// anything is billed; only the signatures are made later.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { ConsoleError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { type KeyFile, readKeyFile, readPublicKey } from './key-file.ts'
import { askAgent, fileIdentity, type Identity, publicLineOf } from './one-key-agent.ts'
import type { Prompter } from './prompter.ts'

/** The keys to offer, in order, and a password to try after them. */
export interface Identities {
  readonly keys: readonly Identity[]
  readonly password?: string | undefined
}

const defaultNames = ['id_ed25519', 'id_ecdsa', 'id_rsa']
const passphraseTries = 3

/** Where keys may be. */
export interface IdentitySources {
  /** Keys of --identity; if given, no others are offered. */
  named: readonly string[]
  /** With a password, only the named keys are offered, and then the password. */
  password?: string | undefined
  /** IdentityFile of ssh's configuration, instead of the default files. */
  configured: readonly string[]
  /** IdentitiesOnly: of the agent's keys, only the configured ones. */
  configuredOnly: boolean
  /** The agent's socket; undefined for none. */
  agentSocket: string | undefined
  home: string
  /** Public keys that the console accepts, if known: passphrases are asked only for these. */
  wanted: ReadonlySet<string> | undefined
  prompter: Prompter | undefined
  report: Reporter
}

/** Asks for the passphrase of a locked file until it fits; returns the file unchanged if it never does, or without a terminal. */
async function unlock(file: string, locked: KeyFile, { prompter, report }: IdentitySources): Promise<KeyFile> {
  if (prompter === undefined) return locked
  for (let attempt = 1; attempt <= passphraseTries; attempt++) {
    const passphrase = await prompter.askSecret(`Passphrase of ${file}: `)
    if (passphrase === '') return locked
    const key = await readKeyFile(file, passphrase)
    if (key.kind !== 'wrong-passphrase') return key
    report.warn(`that is not the passphrase of "${file}"`)
  }
  return locked
}

/** The error for a named key that cannot be used. */
function refuseNamed(file: string, key: Exclude<KeyFile, { kind: 'key' }>): never {
  const locked = { why: 'is locked by a passphrase', hint: `run ssh-add ${file} and omit --identity` }
  const { why, hint } = {
    missing: { why: 'does not exist', hint: 'name another with --identity, or make one with ssh-keygen -t ed25519' },
    encrypted: locked,
    'wrong-passphrase': locked,
    unusable: key.kind === 'unusable' ? key : { why: '', hint: '' },
  }[key.kind]
  throw new ConsoleError(`private key "${file}" ${why}`, { hint })
}

/**
 * Reports that a certificate is not used: ssh2 uses one name for the request and for the signature in it, but sshd, which
 * accepts the certificate, requires the plain key's name in the second (OpenSSH, PROTOCOL.certkeys; ssh2 1.17, Protocol.authPK).
 */
async function noteCertificate(file: string, { report }: IdentitySources): Promise<void> {
  const certificate = `${file}-cert.pub`
  const exists = await access(certificate).then(
    () => true,
    () => false,
  )
  if (exists)
    report.detail(
      `the certificate "${certificate}" is not used, as ssh2 cannot sign for it; its key is offered without it`,
    )
}

/** The keys of --identity. @throws ConsoleError if one cannot be used */
async function loadNamed(sources: IdentitySources): Promise<Identity[]> {
  const keys: Identity[] = []
  for (const name of sources.named) {
    const file = name.replace(/^~(?=\/)/, sources.home)
    const stored = await readKeyFile(file)
    await noteCertificate(file, sources)
    const keyFile = stored.kind === 'encrypted' ? await unlock(file, stored, sources) : stored
    if (keyFile.kind !== 'key') refuseNamed(file, keyFile)
    keys.push(fileIdentity(file, keyFile.key))
  }
  return keys
}

/** The agent's usable keys; reasons for having none go to `looked`. */
async function loadFromAgent(
  sources: IdentitySources,
  files: readonly string[],
  looked: string[],
): Promise<Identity[]> {
  const { agentSocket, configured, configuredOnly, report } = sources
  const answer = agentSocket === undefined ? 'is not set (SSH_AUTH_SOCK)' : await askAgent(agentSocket)
  if (typeof answer === 'string') {
    looked.push(`the SSH agent ${answer}`)
    if (agentSocket !== undefined) report.detail(`the SSH agent at "${agentSocket}" ${answer}`)
    return []
  }
  if (configured.length === 0 && !configuredOnly) return answer
  const halves = await Promise.all(files.map((file) => readPublicKey(file)))
  const lines = halves.flatMap((half) => (half === undefined ? [] : [publicLineOf(half)]))
  // Configured keys first, in the order in which ssh offers them.
  const first = answer.filter(({ publicKey }) => lines.includes(publicKey))
  return configuredOnly ? first : [...first, ...answer.filter((key) => !first.includes(key))]
}

/**
 * Finds and reads the keys to offer: the named ones; or the agent's, then those of ssh's configuration or
 * ~/.ssh/id_ed25519, id_ecdsa, id_rsa. In a terminal, asks for the passphrase of a locked file if there is no other usable key.
 * @throws ConsoleError if there is no key, listing the places searched
 */
export async function loadIdentities(sources: IdentitySources): Promise<Identities> {
  const { named, password, configured, home, wanted, report } = sources
  if (named.length > 0 || password !== undefined) return { keys: await loadNamed(sources), password }
  const keys = new Map<string, Identity>()
  const looked: string[] = []
  const add = (identity: Identity) => {
    if (!keys.has(identity.publicKey)) keys.set(identity.publicKey, identity)
  }
  const files = configured.length > 0 ? configured : defaultNames.map((name) => join(home, '.ssh', name))
  const fromAgent = await loadFromAgent(sources, files, looked)
  fromAgent.forEach(add)

  const locked: { file: string; stored: KeyFile; line: string | undefined }[] = []
  for (const file of files) {
    const keyFile = await readKeyFile(file)
    await noteCertificate(file, sources)
    if (keyFile.kind === 'key') add(fileIdentity(file, keyFile.key))
    else if (keyFile.kind === 'missing') looked.push(`${file} does not exist`)
    else if (keyFile.kind === 'unusable') {
      // A public key in the configuration selects a key of the agent.
      if (configured.length > 0 && (await readPublicKey(file)) !== undefined) continue
      looked.push(`${file} ${keyFile.why}`)
      report.warn(`private key "${file}" ${keyFile.why}`)
    } else {
      looked.push(`${file} is locked by a passphrase`)
      const half = keyFile.kind === 'encrypted' ? keyFile.publicKey : undefined
      locked.push({ file, stored: keyFile, line: half === undefined ? undefined : publicLineOf(half) })
    }
  }

  const will = () => [...keys.keys()].some((line) => wanted?.has(line) ?? true)
  const closed: string[] = []
  for (const { file, stored, line } of locked) {
    if (line !== undefined && keys.has(line)) continue
    const useful = line === undefined || wanted === undefined || wanted.has(line)
    const keyFile = useful && !will() ? await unlock(file, stored, sources) : stored
    if (keyFile.kind === 'key') add(fileIdentity(file, keyFile.key))
    else if (keyFile.kind === 'unusable') report.warn(`private key "${file}" ${keyFile.why}`)
    else if (line !== undefined || fromAgent.length === 0) closed.push(file)
  }
  for (const file of closed) {
    const line = `private key "${file}" is locked by a passphrase; run ssh-add ${file}`
    if (wanted === undefined ? fromAgent.length > 0 : will()) report.debug(line)
    else report.warn(line)
  }
  if (keys.size > 0) return { keys: [...keys.values()] }
  throw new ConsoleError(`there is no SSH key to log in with: ${looked.join(', ')}`, {
    hint:
      closed.length > 0
        ? `run ssh-add ${closed[0]}, or name another key with --identity`
        : 'make one with ssh-keygen -t ed25519 and add it to the project, or name one with --identity',
  })
}
