// Decides which host keys are accepted: keys in known_hosts, keys on the command line, and new keys that the user accepts.
import { randomBytes } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Address } from '../address.ts'
import { heed } from '../deadline.ts'
import { ConsoleError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import type { Reporter } from '../io.ts'
import { type ConnectError, quoteAddress, explainHostKey, refusePinned } from './connect-error.ts'
import { checkCertificate, describeAuthority, parseCertificate } from './host-certificate.ts'
import { fingerprintOf, hasFingerprint, keyTypeOf } from './host-key.ts'
import { hashName, type KnownHosts, lookupName } from './known-hosts.ts'
import type { Prompter } from './prompter.ts'
import { drawRandomart } from './randomart.ts'

interface TrustOptions {
  knownHosts: KnownHosts
  /** Trusted fingerprints; if given, no other keys are trusted. */
  pins: readonly string[]
  acceptNew: boolean
  /** Absent without a terminal; then no questions are asked. */
  prompter: Prompter | undefined
  /** Writes hashed names. */
  hash: boolean
  report: Reporter
  /** Fingerprints that a cloud's API vouches for, in any form; its keys may change, so they override known_hosts. */
  vouched?: readonly string[] | undefined
  /** True for a host inside the tunnel of a checked host: an unknown key is accepted for this run, and stored nowhere. */
  isInTunnel?: boolean | undefined
}

/** A host whose key is checked: its address, and its name in known_hosts. */
export interface JudgedHost {
  address: Address
  /** The name in known_hosts, which HostKeyAlias may change. */
  place: Address
}

/** Appends a line to a known_hosts file, creating it if missing. @throws ConsoleError on failure */
async function appendLine(file: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(file), { mode: 0o700 }).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
    await using handle = await open(file, 'a+', 0o600)
    const { size } = await handle.stat()
    const last = Buffer.alloc(1)
    if (size > 0) await handle.read(last, 0, 1, size - 1)
    // An unterminated last line must not be continued.
    await handle.appendFile(`${size > 0 && last.toString() !== '\n' ? '\n' : ''}${line}\n`)
    await handle.sync()
  } catch (cause) {
    throw new ConsoleError(`the host key cannot be added to "${file}" (${describeCondition(cause)})`, {
      hint: 'make it writable, or name another file with --known-hosts',
      cause,
    })
  }
}

/** Checks host keys for a run. */
export class HostTrust {
  readonly knownHosts: KnownHosts
  readonly #options: TrustOptions
  /** Why no certificate vouches for a host, as a clause. */
  readonly #refusals = new Map<string, string>()

  constructor(options: TrustOptions) {
    this.#options = options
    this.knownHosts = options.knownHosts
  }

  /** The trust in a host that a cloud's API describes, with the same files and answers. */
  with(more: Pick<TrustOptions, 'vouched' | 'isInTunnel'>): HostTrust {
    return new HostTrust({ ...this.#options, ...more })
  }

  /** Whether a key of the host is known, before any question. */
  knows(place: Address): boolean {
    return this.#options.pins.length > 0 || this.knownHosts.knows(place)
  }

  /** Whether an authority may certify a host; only the host's certificate will tell. */
  hasAuthority(place: Address): boolean {
    const entries = this.knownHosts.markedFor(place)
    return this.#options.pins.length === 0 && entries.some(({ marker }) => marker === 'cert-authority')
  }

  /** Whether to ask a host for its certificate. */
  asksCertificate(place: Address): boolean {
    return this.#options.pins.length === 0 && this.knownHosts.markedFor(place).length > 0
  }

  /** Records the certificate that a host presents; undefined if it has none. */
  recordCertificate({ place }: JudgedHost, blob: Buffer | undefined): void {
    const certificate = blob === undefined ? undefined : parseCertificate(blob)
    const refuse = (why: string) => void this.#refusals.set(lookupName(place), why)
    if (certificate === undefined) return refuse('presents no certificate')
    const entries = this.knownHosts.markedFor(place).filter(({ key }) => key.equals(certificate.authority))
    const revoked = entries.find(({ marker }) => marker === 'revoked')
    if (revoked !== undefined) return this.knownHosts.revoke(place, certificate.key, revoked)
    if (entries.length === 0)
      return refuse(`presents a certificate of another authority, ${describeAuthority(certificate)}`)
    const wrong = checkCertificate(certificate, place.host, Date.now())
    if (wrong !== undefined) return refuse(`presents a certificate that ${wrong}`)
    this.knownHosts.learn(place, certificate.key)
  }

  /** Whether an unknown host may still be accepted. */
  get open(): boolean {
    const { acceptNew, prompter, pins } = this.#options
    return acceptNew || prompter !== undefined || pins.length > 0
  }

  /** Why this key of a host is not trusted; undefined if it is. */
  judge({ address, place }: JudgedHost, key: Buffer): ConnectError | undefined {
    const { pins, vouched = [], isInTunnel } = this.#options
    const { kind } = this.knownHosts.judge(place, key)
    const isVouched = pins.length === 0 && vouched.some((fingerprint) => hasFingerprint(key, fingerprint))
    if (isVouched && kind !== 'revoked') return undefined
    // At once: the services behind such tunnels take one connection at a time.
    if (isInTunnel === true && kind === 'unknown') {
      this.knownHosts.learn(place, key)
      return undefined
    }
    if (pins.length === 0 || isInTunnel === true) {
      return explainHostKey(address, place, key, this.knownHosts, this.#refusals.get(lookupName(place)))
    }
    if (kind === 'revoked') return explainHostKey(address, place, key, this.knownHosts)
    return pins.includes(fingerprintOf(key)) ? undefined : refusePinned(address, key, pins)
  }

  /**
   * Decides about the key of an unknown host.
   * @returns whether it is now trusted
   * @throws ConsoleError if the key cannot be stored; the signal's reason
   */
  async decideUnknown(host: JudgedHost, key: Buffer, signal: AbortSignal): Promise<boolean> {
    const { acceptNew, prompter, report } = this.#options
    if (!acceptNew && (prompter === undefined || !(await this.#ask(host, key, prompter)))) return false
    const [file] = this.knownHosts.files
    this.knownHosts.learn(host.place, key)
    if (file === undefined) return true
    const name = lookupName(host.place)
    const written = this.#options.hash ? hashName(name, randomBytes(20)) : name
    await heed(appendLine(file, `${written} ${keyTypeOf(key)} ${key.toString('base64')}`), signal)
    report.info(`The ${keyTypeOf(key)} key of ${quoteAddress(host.address)} is now in ${file}.`)
    return true
  }

  async #ask({ address }: JudgedHost, key: Buffer, prompter: Prompter): Promise<boolean> {
    const { report } = this.#options
    const fingerprint = fingerprintOf(key)
    const picture = report.verbosity > 0 ? `${drawRandomart(key).join('\n')}\n` : ''
    report.progress('')
    let question =
      `${quoteAddress(address)} is not a known host. Its ${keyTypeOf(key)} key has the fingerprint\n  ${fingerprint}\n` +
      `${picture}Connect, and remember the key? Answer yes, no, or the fingerprint from its operator: `
    for (;;) {
      const answer = (await prompter.ask(question)).trim()
      if (/^yes$/i.test(answer) || answer === fingerprint) return true
      if (/^no?$/i.test(answer) || answer === '') return false
      question = 'Answer yes, no, or the exact fingerprint: '
    }
  }
}
