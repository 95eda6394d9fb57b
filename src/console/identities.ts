// What to log in with: a named key alone, or the agent's keys and then the usual files. All of it is read before
// anything is billed; only the signatures are made later.
import { join } from 'node:path'
import ssh2, { type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2'
import { ConsoleError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { fingerprintOf } from './host-key.ts'
import { readKeyFile } from './key-file.ts'

/** A key to offer. `label` says where it is from: `~/.ssh/id_rsa`, or `agent: me@laptop`. */
interface Identity {
  label: string
  type: string
  fingerprint: string
  /** Type and base64, as the API lists the project's keys. */
  publicKey: string
  /** Makes the signatures: to ssh2 an agent that has one key. */
  signer: BaseAgent<ParsedKey>
}

/** The keys to offer, in order; never empty. */
export interface Identities {
  readonly keys: readonly Identity[]
}

const defaultNames = ['id_ed25519', 'id_ecdsa', 'id_rsa']
const agentTimeoutMs = 5000

type Sign = (data: Buffer, options: SigningRequestOptions, done: SignCallback) => void

/** One key as an agent, so that ssh2 offers keys one by one and it is known which was refused. */
class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #key: ParsedKey
  readonly #sign: Sign

  constructor(key: ParsedKey, sign: Sign) {
    super()
    this.#key = key
    this.#sign = sign
  }

  override getIdentities(done: (error?: Error | null, keys?: ParsedKey[]) => void): void {
    done(null, [this.#key])
  }

  override sign(
    _key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    const answer = typeof options === 'function' ? options : done
    const asked = typeof options === 'function' ? {} : options
    if (answer === undefined) return
    // To a server that does not name newer signatures ssh2 would make this one with an RSA key.
    if (asked.hash === 'sha1') answer(new Error('the server takes RSA keys with SHA-1 only'))
    else this.#sign(data, asked, answer)
  }
}

function createIdentity(label: string, key: ParsedKey, sign: Sign): Identity {
  const blob = key.getPublicSSH()
  return {
    label,
    type: key.type,
    fingerprint: fingerprintOf(blob),
    publicKey: `${key.type} ${blob.toString('base64')}`,
    signer: new OneKeyAgent(key, sign),
  }
}

function fileIdentity(file: string, key: ParsedKey): Identity {
  return createIdentity(file, key, (data, { hash }, done) => {
    const signature: Buffer | Error = key.sign(data, hash)
    if (signature instanceof Error) done(signature)
    else done(null, signature)
  })
}

/** The agent's keys, or why there are none. */
async function askAgent(socket: string): Promise<Identity[] | string> {
  const agent = new ssh2.OpenSSHAgent(socket)
  let timer: NodeJS.Timeout | undefined
  const keys = await new Promise<ParsedKey[] | string>((resolve) => {
    timer = setTimeout(() => resolve('does not answer'), agentTimeoutMs)
    agent.getIdentities((error, entries = []) => {
      if (error) resolve('cannot be reached')
      else resolve(entries.filter((entry) => 'getPublicSSH' in entry))
    })
  })
  clearTimeout(timer)
  if (typeof keys === 'string') return keys
  if (keys.length === 0) return 'holds no keys that can be used'
  return keys.map((key) =>
    createIdentity(`agent: ${key.comment || key.type}`, key, (data, options, done) => {
      agent.sign(key, data, options, done)
    }),
  )
}

/** The one key that was asked for. @throws ConsoleError where it cannot be used */
async function loadNamed(file: string): Promise<Identity> {
  const found = await readKeyFile(file)
  if (found.kind === 'key') return fileIdentity(file, found.key)
  const { why, hint } = {
    missing: { why: 'does not exist', hint: 'name another with --identity, or make one with ssh-keygen -t ed25519' },
    encrypted: { why: 'is locked by a passphrase', hint: `run ssh-add ${file} and leave --identity out` },
    unusable: found.kind === 'unusable' ? found : { why: '', hint: '' },
  }[found.kind]
  throw new ConsoleError(`private key "${file}" ${why}`, { hint })
}

/** What is known before anyone logs in: where keys may be. */
export interface IdentitySources {
  /** The key asked for; nothing else is offered then. */
  identityFile?: string
  /** SSH_AUTH_SOCK. */
  agentSocket?: string
  home: string
  report: Reporter
}

/**
 * The keys to offer, found and read: the named one, or the agent's and then ~/.ssh/id_ed25519, id_ecdsa, id_rsa.
 * @throws ConsoleError where there is none, saying where was looked
 */
export async function loadIdentities(sources: IdentitySources): Promise<Identities> {
  const { identityFile, agentSocket, home, report } = sources
  if (identityFile !== undefined) {
    return { keys: [await loadNamed(identityFile.replace(/^~(?=\/)/, home))] }
  }
  const keys = new Map<string, Identity>()
  const looked: string[] = []
  const add = (identity: Identity) => {
    if (!keys.has(identity.publicKey)) keys.set(identity.publicKey, identity)
  }
  const answer = agentSocket === undefined ? 'is not set (SSH_AUTH_SOCK)' : await askAgent(agentSocket)
  if (typeof answer === 'string') looked.push(`the SSH agent ${answer}`)
  else answer.forEach(add)
  if (agentSocket !== undefined && typeof answer === 'string')
    report.detail(`the SSH agent at "${agentSocket}" ${answer}`)

  const locked: string[] = []
  for (const name of defaultNames) {
    const file = join(home, '.ssh', name)
    const found = await readKeyFile(file)
    if (found.kind === 'key') add(fileIdentity(file, found.key))
    else if (found.kind === 'missing') looked.push(`${file} does not exist`)
    else if (found.kind === 'unusable') {
      looked.push(`${file} ${found.why}`)
      report.warn(`private key "${file}" ${found.why}`)
    } else {
      looked.push(`${file} is locked by a passphrase`)
      locked.push(file)
    }
  }
  // Which keys the agent holds cannot be told of a locked file; where it holds any, a locked file is most likely one.
  if (keys.size === 0 || !Array.isArray(answer)) {
    for (const file of locked) report.warn(`private key "${file}" is locked by a passphrase; run ssh-add ${file}`)
  }
  if (keys.size > 0) return { keys: [...keys.values()] }
  throw new ConsoleError(`there is no SSH key to log in with: ${looked.join(', ')}`, {
    hint:
      locked.length > 0
        ? `run ssh-add ${locked[0]}, or name another key with --identity`
        : 'make one with ssh-keygen -t ed25519 and add it to the project, or name one with --identity',
  })
}
