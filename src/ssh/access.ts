// How to reach a host as the user's ssh would: its configuration, what the command line says instead, and the hosts before it.
import { join } from 'node:path'
import type { Address } from '../address.ts'
import { ConsoleError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { HostAccess } from './connection.ts'
import { type Identities, loadIdentities } from './identities.ts'
import { loadKnownHosts } from './known-hosts.ts'
import type { Prompter } from './prompter.ts'
import { loadSshSettings, type SshSettings } from './ssh-config.ts'
import { HostTrust } from './trust.ts'

/** What the command line, the environment and the terminal say about reaching consoles. */
export interface AccessSources {
  home: string
  localUser: string
  env: Record<string, string | undefined>
  /** Of --identity; none is ssh's ways. */
  identityFiles: readonly string[]
  /** Of --known-hosts. */
  knownHostsFile: string | undefined
  /** Of --host-key. */
  pins: readonly string[]
  acceptNew: boolean
  /** Public keys that the console takes, where that is known. */
  wanted: ReadonlySet<string> | undefined
  prompter: Prompter | undefined
  report: Reporter
}

/** Finds out how to reach hosts, and as whom (user '' is ssh's choice); keys are read, and passphrases asked, once. */
export interface AccessFinder {
  /** @throws ConsoleError where there is no key, or a file cannot be read */
  find(address: Address, user: string): Promise<HostAccess & { username: string }>
}

const deepestJump = 8

/** `[user@]host[:port]`, also as a URL `ssh://…`. */
function parseHop(text: string): { user: string | undefined; address: Address } {
  const match = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:@]+))(?::(\d+))?$/.exec(text)
  const host = match?.[2] ?? match?.[3]
  if (host === undefined) {
    throw new ConsoleError(`ProxyJump "${text}" of ssh's configuration is not understood`, {
      hint: 'write it as [user@]host[:port]',
    })
  }
  return { user: match?.[1], address: { host, port: Number(match?.[4] ?? 22) } }
}

function knownHostsFiles(settings: SshSettings, { home, knownHostsFile }: AccessSources): string[] {
  if (knownHostsFile !== undefined) return [knownHostsFile]
  const own = settings.userKnownHosts ?? [join(home, '.ssh', 'known_hosts'), join(home, '.ssh', 'known_hosts2')]
  return [...own, ...(settings.globalKnownHosts ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'])]
}

/** A finder that keeps what it has loaded. */
export function createAccessFinder(sources: AccessSources): AccessFinder {
  const { home, localUser, env, report, prompter, wanted } = sources
  const files = [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config']
  const identitiesBySettings = new Map<string, Promise<Identities>>()
  const trustBySettings = new Map<string, Promise<HostTrust>>()

  function identitiesFor(settings: SshSettings, isHop: boolean): Promise<Identities> {
    const { identityFiles, identitiesOnly, identityAgent } = settings
    const named = isHop ? [] : sources.identityFiles
    const socket = identityAgent ?? env['SSH_AUTH_SOCK']
    const agentSocket = socket === undefined || socket === '' || socket === 'none' ? undefined : socket
    const key = JSON.stringify([named, identityFiles, identitiesOnly, agentSocket, isHop])
    const found =
      identitiesBySettings.get(key) ??
      loadIdentities({
        named,
        configured: identityFiles,
        configuredOnly: identitiesOnly,
        agentSocket,
        home,
        wanted: isHop ? undefined : wanted,
        prompter,
        report,
      })
    identitiesBySettings.set(key, found)
    return found
  }

  async function loadTrust(settings: SshSettings): Promise<HostTrust> {
    const knownHosts = await loadKnownHosts(knownHostsFiles(settings, sources))
    const { pins, acceptNew } = sources
    return new HostTrust({ knownHosts, pins, acceptNew, prompter, hash: settings.hashKnownHosts, report })
  }

  async function find(address: Address, user: string, depth: number): Promise<HostAccess & { username: string }> {
    const settings = await loadSshSettings({ ...address, user, home, localUser, env, files })
    const key = JSON.stringify([settings.userKnownHosts, settings.globalKnownHosts, settings.hashKnownHosts])
    const loadingTrust = trustBySettings.get(key) ?? loadTrust(settings)
    trustBySettings.set(key, loadingTrust)
    const actual = { host: settings.hostName, port: settings.port }
    if (settings.proxyCommand !== undefined && settings.proxyJump.length === 0) {
      report.warn(`the ProxyCommand of ssh's configuration for "${address.host}" is not used; ProxyJump would be`)
    }
    const via: (HostAccess & { username: string })[] = []
    for (const hop of depth > deepestJump ? [] : settings.proxyJump) {
      const { user: hopUser, address: hopAddress } = parseHop(hop)
      const found = await find(hopAddress, hopUser ?? '', depth + 1)
      // Only the first hop may need hosts before it: the others are reached through it.
      via.push(...(via.length === 0 ? found.via : []), { ...found, via: [] })
    }
    return {
      address: actual,
      place: settings.hostKeyAlias === undefined ? actual : { host: settings.hostKeyAlias, port: 22 },
      username: user || settings.user || localUser,
      trust: await loadingTrust,
      identities: await identitiesFor(settings, depth > 0),
      via,
    }
  }

  return { find: (address, user) => find(address, user, 0) }
}
