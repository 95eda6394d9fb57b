// Why a connection to a console failed, in words, and as a reason that decides about retries.
import { type Address, formatAddress } from '../address.ts'
import { ConsoleError } from '../errors.ts'
import { quoteWord } from '../text/shell-word.ts'
import { fingerprintOf, keyTypeOf } from './host-key.ts'
import { type KnownHosts, lookupName } from './known-hosts.ts'
import { thePassword } from './offers.ts'

/** `dropped`: the connection ended without a message; `busy`: refused for now. */
export type FailureReason =
  | 'name'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'dropped'
  | 'busy'
  | 'host-key'
  | 'authentication'
  | 'protocol'

/** A failed connection to a console. */
export class ConnectError extends ConsoleError {
  readonly reason: FailureReason
  /** The key of an unknown host, which the user may accept. */
  readonly unknownKey: Buffer | undefined

  constructor(
    reason: FailureReason,
    message: string,
    options: ConstructorParameters<typeof ConsoleError>[1] & { unknownKey?: Buffer } = {},
  ) {
    super(message, options)
    this.reason = reason
    this.unknownKey = options.unknownKey
  }
}

/** `"host"`, with the port unless it is SSH's default. */
export function quoteAddress({ host, port }: Address): string {
  return `"${port === 22 ? host : formatAddress({ host, port })}"`
}

/**
 * Why this key of a host is not trusted; undefined if it is. `known` is the host's name in known_hosts; `uncertified` says why
 * no certificate vouches for the host.
 */
export function explainHostKey(
  address: Address,
  known: Address,
  key: Buffer,
  knownHosts: KnownHosts,
  uncertified?: string,
): ConnectError | undefined {
  const { host, port } = address
  const verdict = knownHosts.judge(known, key)
  const place = quoteAddress(address)
  const shown = `${keyTypeOf(key)} ${fingerprintOf(key)}`
  if (verdict.kind === 'trusted') return undefined
  if (verdict.kind === 'unknown') {
    const file = knownHosts.files[0] ?? '~/.ssh/known_hosts'
    const authority = knownHosts.markedFor(known).find(({ marker }) => marker === 'cert-authority')
    const why =
      authority === undefined || uncertified === undefined
        ? ''
        : ` (there is an authority for it in ${authority.file}:${authority.line}, but it ${uncertified})`
    const scan = `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${host} >> ${quoteWord(file)}`
    return new ConnectError('host-key', `${place} is not a known host${why}; it presents the key ${shown}`, {
      hint: `if its operator confirms that fingerprint, add it with ${scan} or --host-key ${fingerprintOf(key)}`,
      unknownKey: key,
    })
  }
  const where = `${verdict.file}:${verdict.line}`
  if (verdict.kind === 'revoked') {
    return new ConnectError('host-key', `${place} presents the key ${shown}, which ${where} revokes`, {
      hint: 'do not connect until its operator has replaced it',
    })
  }
  return new ConnectError(
    'host-key',
    `${place} presents the key ${shown}, not the one known from ${where}; someone may be intercepting the connection`,
    {
      hint: `if its operator confirms the new key, remove the old one with ssh-keygen -f ${quoteWord(verdict.file)} -R '${lookupName(known)}'`,
    },
  )
}

/** A host whose key differs from the known ones. */
export function refusePinned(address: Address, key: Buffer, pins: readonly string[]): ConnectError {
  const shown = `${keyTypeOf(key)} ${fingerprintOf(key)}`
  const message = `${quoteAddress(address)} presents the key ${shown}, not ${pins.join(' or ')}; someone may be intercepting the connection`
  return new ConnectError('host-key', message, {
    hint: "compare --host-key with the fingerprint from the host's operator",
  })
}

/** An error as ssh2 emits it: `level` names the part of ssh2; a numeric code is the server's disconnect reason. */
export type SshError = Error & { level?: string; code?: string | number }

/** The state of the connection at an error. */
export interface LoginProgress {
  /** The keys, and the password, that were offered. */
  tried: readonly string[]
  /** The server has closed its side. */
  ended: boolean
}

/** SSH_DISCONNECT_* codes of RFC 4253, section 11.1, that mean "not now". */
const busyCodes = [7, 10, 12]
/** Codes that mean "not you"; OpenSSH sends 2 after too many keys. */
const refusalCodes = [1, 2, 13, 14, 15]

/** Explains an error of ssh2; undefined if ssh2 continues with the next key. */
export function explainSshError(error: SshError, address: Address, progress: LoginProgress): ConnectError | undefined {
  const { tried, ended } = progress
  const place = quoteAddress(address)
  const options = { cause: error }
  const refuse = (answer: string) =>
    new ConnectError(
      'authentication',
      `${place} accepts none of the ${tried.includes(thePassword) ? 'logins' : 'keys'} offered${answer}: ${tried.join(', ') || 'none'}`,
      {
        ...options,
        hint: "the project's SSH keys must have one of these: add it there, or name another with --identity",
      },
    )
  if (typeof error.code === 'number') {
    const message = JSON.stringify(error.message)
    if (tried.length > 0 && refusalCodes.includes(error.code)) return refuse(` and says ${message}`)
    const busy = busyCodes.includes(error.code)
    return new ConnectError(busy ? 'busy' : 'protocol', `${place} ended the connection: ${message}`, options)
  }
  switch (error.level) {
    // One key was unusable: its agent would not sign, or the server wants an SHA-1 signature.
    case 'agent':
      return undefined
    case 'client-authentication':
      return refuse('')
    case 'client-timeout':
      return new ConnectError('timeout', `${place} does not answer`, options)
    case 'client-socket':
      return new ConnectError('dropped', `${place} dropped the connection (${error.code ?? error.message})`, options)
    case 'handshake':
      return new ConnectError('protocol', `${place} and metalkit cannot agree: ${error.message}`, options)
    case undefined:
    default:
      if (ended) return new ConnectError('dropped', `${place} closed the connection`, options)
      return new ConnectError('protocol', `${place} does not speak SSH correctly: ${error.message}`, {
        ...options,
        hint: 'check --sos',
      })
  }
}
