// Reaches a host as the user's ssh would: its configuration, overrides from the command line, and jump hosts.
import { join } from 'node:path'
import type { Address } from '../address.ts'
import { heed } from '../deadline.ts'
import { ConsoleError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { ConfigFiles } from './config/find-files.ts'
import { parseHop } from './config/jump.ts'
import { loadSshSettings, type SshSettings } from './config/settings.ts'
import type { HostAccess } from './connection.ts'
import { type Identities, loadIdentities } from './identities.ts'
import { parseIdentity } from './key-file.ts'
import { loadKnownHosts } from './known-hosts.ts'
import type { Prompter } from './prompter.ts'
import { HostTrust } from './host-key-trust.ts'

/** Public keys, `type base64`; undefined if they are not known. */
type KeyLines = ReadonlySet<string> | undefined

/** Settings of the command line, the environment and the terminal. */
export interface AccessSources {
  home: string
  localUser: string
  env: Record<string, string | undefined>
  /** From --identity; empty means as in ssh. */
  identityFiles: readonly string[]
  /** Tried after the identities; no other keys are looked for. Never for jump hosts. */
  password?: string | undefined
  /** From --known-hosts. */
  knownHostsFile: string | undefined
  /** From --host-key. */
  pins: readonly string[]
  acceptNew: boolean
  /** Public keys that the console accepts, if known; keys of this computer are loaded once they are. */
  wanted: KeyLines | Promise<KeyLines>
  prompter: Prompter | undefined
  report: Reporter
}

/** Finds out how to reach hosts, and as which user ('' means ssh's choice); reads keys and asks for passphrases once. */
export interface AccessFinder {
  /** @throws ConsoleError if there is no key, or a file cannot be read; the signal's reason, since a file system may hang */
  find(address: Address, user: string, signal: AbortSignal): Promise<HostAccess & { username: string }>
  /** The user's public keys, `type base64`, in the order of preference. @throws ConsoleError if a named key cannot be used */
  listKeys(signal: AbortSignal): Promise<string[]>
  /** The same for a console that a cloud's API describes: perhaps two hops, fingerprints to trust, one key. @throws the same */
  findPlace(place: ApiPlace, signal: AbortSignal): Promise<HostAccess & { username: string }>
}

/** A host as a cloud's API describes it. */
interface ApiHop {
  address: Address
  username: string
  fingerprints?: readonly string[]
  isSha1Only?: boolean
}

/** A console as a cloud's API describes it (`ConsolePlace` in src/machine/cloud.ts). */
interface ApiPlace extends ApiHop {
  via?: ApiHop
  publicKey?: string
  privateKey?: string
}

const deepestJump = 8

type UserAccess = HostAccess & { username: string }

function knownHostsFiles(settings: SshSettings, { home, knownHostsFile }: AccessSources): string[] {
  if (knownHostsFile !== undefined) return [knownHostsFile]
  const own = settings.userKnownHosts ?? [join(home, '.ssh', 'known_hosts'), join(home, '.ssh', 'known_hosts2')]
  return [...own, ...(settings.globalKnownHosts ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'])]
}

/** A finder that caches what it has loaded. */
export function createAccessFinder(sources: AccessSources): AccessFinder {
  const { home, localUser, env, report, prompter, wanted } = sources
  const files = [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config']
  const identitiesBySettings = new Map<string, Promise<Identities>>()
  const kept = new ConfigFiles()
  const noted = new Set<string>()
  const trustBySettings = new Map<string, Promise<HostTrust>>()

  function identitiesFor(settings: SshSettings, isHop: boolean): Promise<Identities> {
    const { identityFiles, identitiesOnly, identityAgent } = settings
    const named = isHop ? [] : sources.identityFiles
    const socket = identityAgent ?? env['SSH_AUTH_SOCK']
    const agentSocket = socket === undefined || socket === '' || socket === 'none' ? undefined : socket
    const key = JSON.stringify([named, identityFiles, identitiesOnly, agentSocket, isHop])
    const load = async () =>
      await loadIdentities({
        named,
        password: isHop ? undefined : sources.password,
        configured: identityFiles,
        configuredOnly: identitiesOnly,
        agentSocket,
        home,
        wanted: isHop ? undefined : await wanted,
        prompter,
        report,
      })
    const identities = identitiesBySettings.get(key) ?? load()
    identitiesBySettings.set(key, identities)
    return identities
  }

  async function loadTrust(settings: SshSettings): Promise<HostTrust> {
    const knownHosts = await loadKnownHosts(knownHostsFiles(settings, sources))
    const { pins, acceptNew } = sources
    return new HostTrust({ knownHosts, pins, acceptNew, prompter, hash: settings.hashKnownHosts, report })
  }

  /** Resolves a ProxyJump; the first hop may need jump hosts of its own, the others are reached through it. */
  async function findHops(settings: SshSettings, depth: number): Promise<UserAccess[]> {
    const via: UserAccess[] = []
    for (const text of settings.proxyJump) {
      const hop = parseHop(text)
      if (hop === undefined) {
        throw new ConsoleError(`ProxyJump "${text}" of ssh's configuration is not valid`, {
          hint: 'write it as [user@]host[:port]',
        })
      }
      if (depth >= deepestJump) {
        throw new ConsoleError(`the ProxyJump of ssh's configuration loops, via "${hop.host}"`, {
          hint: `write "ProxyJump none" for "${hop.host}", above the line that names it`,
        })
      }
      const access = await find(hop.host, hop.port, hop.user ?? '', depth + 1)
      via.push(...(via.length === 0 ? access.via : []), { ...access, via: [] })
    }
    return via
  }

  async function findPlace(place: ApiPlace): Promise<UserAccess> {
    const { address, username, fingerprints, isSha1Only, via, publicKey, privateKey } = place
    const made = privateKey === undefined ? undefined : { keys: [parseIdentity(privateKey, 'the key of this run')] }
    const first = via ?? place
    const { host, port } = first.address
    const access = await find(host, port === 22 ? undefined : port, first.username, 0, made)
    const keys = access.identities.keys.filter((key) => publicKey === undefined || key.publicKey === publicKey)
    const identities = { ...access.identities, keys }
    const hop = { ...access, identities, trust: access.trust.with({ vouched: first.fingerprints }) }
    if (via === undefined) return hop
    return {
      address,
      // Its name in known_hosts too, as with ssh's ProxyCommand.
      place: address,
      username,
      trust: access.trust.with({ vouched: fingerprints, isInTunnel: true }),
      identities,
      via: [...hop.via, { ...hop, via: [] }],
      isSha1Only,
    }
  }

  async function find(
    host: string,
    port: number | undefined,
    user: string,
    depth: number,
    made?: Identities,
  ): Promise<UserAccess> {
    const settings = await loadSshSettings({ host, port, user, home, localUser, env, files, kept })
    for (const note of settings.notes) {
      if (!noted.has(note)) report.warn(note)
      noted.add(note)
    }
    const key = JSON.stringify([settings.userKnownHosts, settings.globalKnownHosts, settings.hashKnownHosts])
    const loadingTrust = trustBySettings.get(key) ?? loadTrust(settings)
    trustBySettings.set(key, loadingTrust)
    const actual = { host: settings.hostName, port: settings.port }
    if (settings.proxyCommand !== undefined && settings.proxyJump.length === 0) {
      report.warn(`the ProxyCommand of ssh's configuration for "${host}" is ignored; metalkit supports only ProxyJump`)
    }
    const via = await findHops(settings, depth)
    return {
      address: actual,
      place: settings.hostKeyAlias === undefined ? actual : { host: settings.hostKeyAlias, port: 22 },
      username: settings.user ?? localUser,
      trust: await loadingTrust,
      identities: made ?? (await identitiesFor(settings, depth > 0)),
      via,
    }
  }

  /** For no host in particular: its own settings count once its name is known. */
  async function listKeys(): Promise<string[]> {
    const settings = await loadSshSettings({
      host: 'metalkit',
      port: undefined,
      user: '',
      home,
      localUser,
      env,
      files,
      kept,
    })
    try {
      return (await identitiesFor(settings, false)).keys.map(({ publicKey }) => publicKey)
    } catch (error) {
      // Some clouds need none.
      if (error instanceof ConsoleError && sources.identityFiles.length === 0) return []
      throw error
    }
  }

  // Port 22 is the default, so it leaves the choice to the configuration; a hop without a port has undefined.
  return {
    find: async ({ host, port }, user, signal) =>
      await heed(find(host, port === 22 ? undefined : port, user, 0), signal),
    listKeys: async (signal) => await heed(listKeys(), signal),
    findPlace: async (place, signal) => await heed(findPlace(place), signal),
  }
}
