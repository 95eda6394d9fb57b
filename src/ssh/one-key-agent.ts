// Presents one key as an agent, so that ssh2 offers keys one by one and we know which one was refused.
import ssh2, { type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2'
import { settleBefore } from '../deadline.ts'
import { fingerprintOf } from './host-key.ts'

/** A key to offer. `label` names its origin: `~/.ssh/id_rsa`, or `agent: me@laptop`. */
export interface Identity {
  label: string
  type: string
  fingerprint: string
  /** Type and base64, as in the API's list of the project's keys. */
  publicKey: string
  /** Makes the signatures; to ssh2 it is an agent with one key. */
  signer: BaseAgent<ParsedKey>
  /** The same for a host that takes RSA keys only with SHA-1. */
  sha1Signer: BaseAgent<ParsedKey>
}

type Sign = (data: Buffer, options: SigningRequestOptions, done: SignCallback) => void

class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #key: ParsedKey
  readonly #sign: Sign
  readonly #isSha1Allowed: boolean

  constructor(key: ParsedKey, sign: Sign, isSha1Allowed: boolean) {
    super()
    this.#key = key
    this.#sign = sign
    this.#isSha1Allowed = isSha1Allowed
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
    const signing = typeof options === 'function' ? {} : options
    if (answer === undefined) return
    // For a server that does not announce newer signatures, ssh2 would use SHA-1 with an RSA key.
    if (signing.hash === 'sha1' && !this.#isSha1Allowed)
      answer(new Error('the server accepts RSA keys only with SHA-1'))
    else this.#sign(data, signing, answer)
  }
}

/** Type and base64 of a key's public half. */
export function publicLineOf(key: ParsedKey): string {
  return `${key.type} ${key.getPublicSSH().toString('base64')}`
}

/** A key whose signatures come from elsewhere. */
export function createIdentity(label: string, key: ParsedKey, sign: Sign): Identity {
  return {
    label,
    type: key.type,
    fingerprint: fingerprintOf(key.getPublicSSH()),
    publicKey: publicLineOf(key),
    signer: new OneKeyAgent(key, sign, false),
    sha1Signer: new OneKeyAgent(key, sign, true),
  }
}

/** A private key from a file. */
export function fileIdentity(file: string, key: ParsedKey): Identity {
  return createIdentity(file, key, (data, { hash }, done) => {
    const signature: Buffer | Error = key.sign(data, hash)
    if (signature instanceof Error) done(signature)
    else done(null, signature)
  })
}

const agentTimeoutMs = 5000

/** The keys of the agent at a socket, or why there are none. */
export async function askAgent(socket: string): Promise<Identity[] | string> {
  const agent = new ssh2.OpenSSHAgent(socket)
  const deadline = { ms: agentTimeoutMs, late: () => 'does not answer' }
  const keys = await settleBefore<ParsedKey[] | string>(deadline, (resolve) => {
    agent.getIdentities((error, entries = []) => {
      if (error) resolve('cannot be reached')
      else resolve(entries.filter((entry) => 'getPublicSSH' in entry))
    })
  })
  if (typeof keys === 'string') return keys
  if (keys.length === 0) return 'holds no usable keys'
  return keys.map((key) =>
    createIdentity(`agent: ${key.comment || key.type}`, key, (data, options, done) => {
      agent.sign(key, data, options, done)
    }),
  )
}
