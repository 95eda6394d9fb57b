// known_hosts, interpreted as OpenSSH does (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; where the manual is silent, as ssh 9.2
// behaves: test/ssh/known-hosts.test.ts compares).
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Address } from '../address.ts'
import { ConsoleError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { matchesList } from './config/pattern.ts'
import { decodeHostKey, keyTypeOf, keyTypes } from './host-key.ts'

/** A line with a key. `hosts` is its first field as written: patterns, or one hashed name. */
export interface HostKeyEntry {
  file: string
  line: number
  marker: 'none' | 'cert-authority' | 'revoked'
  hosts: string
  type: string
  key: Buffer
}

/** The verdict of the files on a host key; `line` counts from 1. */
export type Verdict =
  | { kind: 'trusted' }
  | { kind: 'unknown' }
  | { kind: 'changed'; file: string; line: number }
  | { kind: 'revoked'; file: string; line: number }

/** Splits off the marker; undefined for a marker that ssh does not know. A marker ends at a space, not at a tab. */
function readMarker(text: string): { marker: HostKeyEntry['marker']; rest: string } | undefined {
  if (!text.startsWith('@')) return { marker: 'none', rest: text }
  const match = /^@(cert-authority|revoked) [ \t]*([^@].*)$/s.exec(text)
  if (match === null) return undefined
  return { marker: match[1] === 'revoked' ? 'revoked' : 'cert-authority', rest: match[2] ?? '' }
}

/** The entries of a file's text; skips the lines that ssh skips. Never throws. */
export function parseKnownHosts(text: string, file: string): HostKeyEntry[] {
  const entries: HostKeyEntry[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.replace(/^[ \t]+/, '')
    const marked = content.startsWith('#') ? undefined : readMarker(content)
    if (marked === undefined) continue
    const [hosts = '', type = '', base64 = ''] = marked.rest.split(/[ \t]+/, 3)
    const key = decodeHostKey(type, base64)
    if (key !== undefined) entries.push({ file, line: index + 1, marker: marked.marker, hosts, type, key })
  }
  return entries
}

/** `|1|salt|hash`: the hash is HMAC-SHA1 of the name, keyed with the salt. */
function matchesHash(name: string, hosts: string): boolean {
  const salt = Buffer.from(hosts.split('|', 3)[2] ?? '', 'base64')
  return salt.length === 20 && hosts === hashName(name, salt)
}

/** A name as `ssh-keygen -H` writes it; the salt is 20 bytes. */
export function hashName(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

/** The name of a host in known_hosts, without port 22. */
export function lookupName({ host, port }: Address): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
}

/** The trusted keys of all files together. */
export class KnownHosts {
  /** The configured files, including missing ones; new keys go to the first. */
  readonly files: readonly string[]
  readonly #entries: HostKeyEntry[]

  constructor(files: readonly string[], entries: readonly HostKeyEntry[]) {
    this.files = files
    this.#entries = [...entries]
  }

  /** Trusts a key from now on, ahead of other types; the files stay unchanged. */
  learn(place: Address, key: Buffer): void {
    const [file = ''] = this.files
    const [hosts, type] = [lookupName(place), keyTypeOf(key)]
    this.#entries.unshift({ file, line: 0, marker: 'none', hosts, type, key })
  }

  /** Revokes a key from now on, because a line revokes the authority that vouches for it. */
  revoke(place: Address, key: Buffer, { file, line }: HostKeyEntry): void {
    this.#entries.push({ file, line, marker: 'revoked', hosts: lookupName(place), type: keyTypeOf(key), key })
  }

  /** The lines that apply to certificates: authorities and revoked keys; on any port, those of the bare name apply too. */
  markedFor(place: Address): HostKeyEntry[] {
    const ports = new Set([place.port, 22])
    const entries = [...ports].flatMap((port) => this.entriesFor({ host: place.host, port }))
    return entries.filter((entry) => entry.marker !== 'none')
  }

  /** The lines about a host, including markers; for a port other than 22 only the lines that name the port. */
  entriesFor(place: Address): HostKeyEntry[] {
    const name = lookupName(place)
    return this.#entries.filter(({ hosts }) =>
      hosts.startsWith('|') ? matchesHash(name, hosts) : matchesList(name, hosts.toLowerCase()),
    )
  }

  #judgePlace(place: Address, key: Buffer): Verdict {
    const entries = this.entriesFor(place)
    const revoked = entries.find((entry) => entry.marker === 'revoked' && entry.key.equals(key))
    if (revoked !== undefined) return { kind: 'revoked', file: revoked.file, line: revoked.line }
    const keys = entries.filter((entry) => entry.marker === 'none')
    if (keys.some((entry) => entry.key.equals(key))) return { kind: 'trusted' }
    const other = keys.at(-1)
    return other === undefined ? { kind: 'unknown' } : { kind: 'changed', file: other.file, line: other.line }
  }

  /**
   * The verdict of ssh with StrictHostKeyChecking=yes on this key. If only keys of other types are known for a host, it
   * has changed. If nothing is known for a port other than 22, the verdict of the bare host name applies.
   */
  judge(place: Address, key: Buffer): Verdict {
    const verdict = this.#judgePlace(place, key)
    if (verdict.kind !== 'unknown') return verdict
    const bare = this.#judgePlace({ host: place.host, port: 22 }, key)
    return bare.kind === 'trusted' || bare.kind === 'revoked' ? bare : verdict
  }

  /**
   * The types of the keys known for a host: a newly learned key first, then in ssh's order of preference. The host is asked for
   * one of these before any other. As in ssh, on a port other than 22 the bare name is not considered.
   */
  keyTypesFor(place: Address): string[] {
    const keys = this.entriesFor(place).filter((entry) => entry.marker === 'none')
    const learned = keys.filter(({ line }) => line === 0).map(({ type }) => type)
    const types = new Set(keys.map(({ type }) => type))
    return [...new Set([...learned, ...keyTypes.filter((type) => types.has(type))])]
  }

  /** Whether a key is known for a host. */
  knows(place: Address): boolean {
    const bare = { host: place.host, port: 22 }
    return [...this.entriesFor(place), ...this.entriesFor(bare)].some(({ marker }) => marker === 'none')
  }
}

/** Reads known_hosts files; a missing file is empty. @throws ConsoleError if a file cannot be read */
export async function loadKnownHosts(files: readonly string[]): Promise<KnownHosts> {
  const entries: HostKeyEntry[] = []
  for (const file of files) {
    try {
      entries.push(...parseKnownHosts(await readFile(file, 'utf8'), file))
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') continue
      throw new ConsoleError(`known hosts file "${file}" cannot be read: ${describeCondition(error)}`, {
        hint: 'make it a readable file, or name another with --known-hosts',
        cause: error,
      })
    }
  }
  return new KnownHosts(files, entries)
}
