// The decisions of OpenSSH's client and of metalkit about a host, for the tables of host keys.
import { spawn } from 'node:child_process'
import { text as readAll } from 'node:stream/consumers'
import { expect } from 'vitest'
import type { Address } from '../../src/address.ts'
import { probeHost } from '../../src/ssh/connection.ts'
import { loadKnownHosts, type Verdict } from '../../src/ssh/known-hosts.ts'
import { HostTrust } from '../../src/ssh/host-key-trust.ts'
import { describeError } from '../../src/errors.ts'
import { findProgram } from '../helpers/needs.ts'
import { type TestFolder } from '../helpers/folder.ts'
import { makeKey, startSshd, type TestKey, writeSshdConfig } from '../helpers/sshd.ts'
import { createLog } from '../console/world.ts'

interface Question {
  /** The configuration of the sshd that plays the host; it is reached through a pipe, so that host names need not resolve. */
  config: string
  /** The user's known_hosts files, and the system's. */
  files: readonly string[]
  system?: readonly string[]
  host: string
  port: number
}

function list(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(' ') || 'none'
}

/** The decision of ssh with StrictHostKeyChecking=yes. */
export async function askSsh({ config, files, system = [], host, port }: Question): Promise<Verdict> {
  const options = [
    `ProxyCommand=${findProgram('sshd')} -i -f ${config}`,
    `UserKnownHostsFile=${list(files)}`,
    `GlobalKnownHostsFile=${list(system)}`,
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
  ]
  const flags = options.flatMap((option) => ['-o', option])
  const child = spawn('ssh', ['-F', 'none', ...flags, '-p', String(port), `nobody@${host}`, 'true'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const stderr = await readAll(child.stderr)
  // For a revoked key ssh does not name the line.
  if (stderr.includes('REVOKED HOST KEY')) return { kind: 'revoked', file: '', line: 0 }
  const offending = /Offending .* key in (.*):(\d+)/.exec(stderr)
  if (offending !== null) return { kind: 'changed', file: offending[1] ?? '', line: Number(offending[2]) }
  if (/No .* host key is known/.test(stderr)) return { kind: 'unknown' }
  if (stderr.includes('Permission denied')) return { kind: 'trusted' }
  throw new Error(`ssh said something else: ${stderr}`)
}

/** A host: its keys, and other lines of its sshd_config. */
export interface Host {
  keys: TestKey[]
  config?: string[]
}

/** metalkit's decision about a listening host; `place` is its name in known_hosts. */
export async function askMetalkit(
  folder: TestFolder,
  host: Host,
  files: readonly string[],
  place: Address,
): Promise<{ kind: Verdict['kind']; said: string }> {
  await using sshd = await startSshd(folder, { hostKeys: host.keys, config: host.config ?? [] })
  const knownHosts = await loadKnownHosts(files)
  const { report } = createLog()
  const trust = new HostTrust({ knownHosts, pins: [], acceptNew: false, prompter: undefined, hash: false, report })
  const access = { address: sshd, place, trust, identities: { keys: [] }, via: [] }
  const limits = { signal: new AbortController().signal, timeoutMs: 60_000 }
  const said = await probeHost(access, limits).then(() => 'trusted', describeError)
  if (said === 'trusted') return { kind: 'trusted', said }
  if (said.includes('is not a known host')) return { kind: 'unknown', said }
  if (/which \S+:\d+ revokes/.test(said)) return { kind: 'revoked', said }
  if (said.includes('not the one known from')) return { kind: 'changed', said }
  throw new Error(`metalkit said something else: ${said}`)
}

/** The decision about a host, which must be the same for both. */
export async function compare(
  folder: TestFolder,
  host: Host,
  text: string,
  place: Address = { host: 'a.example', port: 22 },
): Promise<{ kind: Verdict['kind']; said: string }> {
  const name = Math.random().toString(36).slice(2)
  const config = writeSshdConfig(folder, `config-${name}`, { hostKeys: host.keys, config: host.config ?? [] })
  const files = [folder.write(`known-${name}`, `${text}\n`)]
  const theirs = await askSsh({ config, files, ...place })
  const ours = await askMetalkit(folder, host, files, place)
  expect(ours.kind, ours.said).toBe(theirs.kind)
  return ours
}

/** The kinds of host keys. */
export const hostKeyKinds = ['ed25519', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'rsa'] as const

/** Keys by name: one of each kind, and ed25519 ones for the other names. */
export function makeHostKeys(folder: TestFolder, ...names: string[]) {
  const keys = new Map<string, TestKey>()
  for (const name of [...hostKeyKinds, ...names]) {
    const [kind = '', bits = '0'] = name.split('-').slice(-2)
    const type = name === 'rsa' || name.endsWith('-rsa') ? 'rsa' : kind === 'ecdsa' ? 'ecdsa' : 'ed25519'
    keys.set(name, makeKey(folder.path, name, type, '', type === 'ecdsa' ? Number(bits) : 0))
  }
  const get = (name: string) => {
    const key = keys.get(name)
    if (key === undefined) throw new Error(`no key of the name ${name}`)
    return key
  }
  /** Replaces names in capitals by their keys. */
  const fill = (lines: string) =>
    lines.replaceAll(/\b[A-Z][A-Z0-9-]+\b/g, (word) => keys.get(word.toLowerCase())?.line ?? word)
  return { get, fill }
}
