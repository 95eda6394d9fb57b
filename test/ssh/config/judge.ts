// Compares our reading of ssh_config files with ssh's own: `ssh -G -F file host`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { ConsoleError } from '../../../src/errors.ts'
import { parseHop } from '../../../src/ssh/config/jump.ts'
import { loadSshSettings, type SshSettings } from '../../../src/ssh/config/settings.ts'

/** The question for both. */
export interface Question {
  /** The home folder; `config` and the files it includes are in its `.ssh`. */
  home: string
  /** The text of the configuration, and of other files by their name in the home folder. */
  config: string
  files?: Record<string, string>
  host?: string
  user?: string
  port?: number
  env?: Record<string, string>
}

/** The options that concern a console, as `ssh -G` prints them, or the first line that is refused. */
export type Answer = Record<string, string | undefined> | { refused: string }

const { username, homedir } = userInfo()
const defaultKeys = /^~\/\.ssh\/id_(rsa|ecdsa|ecdsa_sk|ed25519|ed25519_sk|xmss|dsa)$/

/** Writes the configuration into the home folder. @returns its path */
function writeConfig({ home, config, files = {} }: Question): string {
  for (const [name, text] of Object.entries({ '.ssh/config': config, ...files })) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text, { mode: 0o600 })
  }
  return join(home, '.ssh/config')
}

const orNothing = (text: string | undefined) => (text === 'none' ? undefined : text)
const known = (names: readonly string[] | undefined, folder: string, name: string) =>
  (names ?? [join(folder, name), join(folder, `${name}2`)]).join(' ')

/** ssh's result. */
export function askSsh(question: Question): Answer {
  const { home, host = 'sos.am6.example', user, port, env = {} } = question
  const file = writeConfig(question)
  const login = [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)])]
  const { status, stdout, stderr } = spawnSync('ssh', ['-G', '-F', file, ...login, '--', host], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: home, ...env },
  })
  if (status !== 0) {
    const [, named = '', line = ''] = /^(\S+?):? line (\d+): /m.exec(stderr) ?? []
    return { refused: named === '' ? 'without a line' : `${named} line ${line}` }
  }
  const values = new Map<string, string[]>()
  for (const line of stdout.trimEnd().split('\n')) {
    const [key = '', ...words] = line.split(' ')
    values.set(key, [...(values.get(key) ?? []), words.join(' ')])
  }
  const one = (key: string) => values.get(key)?.[0]
  const listed = values.get('identityfile') ?? []
  // Without an IdentityFile, ssh prints all its default files.
  const isDefault = listed.length > 1 && listed.every((name) => defaultKeys.test(name))
  const keys = isDefault ? [] : listed.filter((name) => name !== 'none')
  return {
    host: one('hostname'),
    port: one('port'),
    user: one('user'),
    // ssh prints these as written.
    keys: keys
      .map((name) =>
        name
          .replace(/^~(?=\/)/, home)
          .replaceAll(/%[h%]/g, (token) => (token === '%h' ? (one('hostname') ?? '') : '%')),
      )
      .join(' '),
    agent: one('identityagent')?.replaceAll(homedir, home),
    only: one('identitiesonly'),
    own: orNothing(one('userknownhostsfile')?.replaceAll(homedir, home)),
    global: orNothing(one('globalknownhostsfile')),
    alias: one('hostkeyalias'),
    hash: one('hashknownhosts'),
    jump: one('proxyjump')?.replaceAll(/%[hr]/g, (token) => one(token === '%h' ? 'hostname' : 'user') ?? ''),
    command: orNothing(one('proxycommand')),
  }
}

/** The last hop is printed in parts, the others unchanged. */
function formatJump(jump: readonly string[]): string | undefined {
  const hop = parseHop(jump.at(-1) ?? '')
  if (hop === undefined) return undefined
  const name = hop.host.includes(':') || /^[0-9.]+$/.test(hop.host) ? `[${hop.host}]` : hop.host
  const last = `${hop.user === undefined ? '' : `${hop.user}@`}${name}${hop.port === undefined ? '' : `:${hop.port}`}`
  return [...jump.slice(0, -1), last].join(',')
}

async function load(question: Question): Promise<SshSettings> {
  const { home, host = 'sos.am6.example', user = '', port, env = {} } = question
  return await loadSshSettings({ host, port, user, home, localUser: username, env, files: [writeConfig(question)] })
}

/** Our message when we refuse a configuration. */
export async function describeRefusal(question: Question): Promise<string> {
  return await load(question).then(
    () => 'it is taken',
    (error: unknown) => (error instanceof ConsoleError ? error.message : `internal: ${String(error)}`),
  )
}

/** Our result. */
export async function askOurs(question: Question): Promise<Answer> {
  const { home } = question
  let settings: SshSettings
  try {
    settings = await load(question)
  } catch (error) {
    if (!(error instanceof ConsoleError)) throw error
    const [, file, line] = /^ssh's configuration "(.*?)" line (\d+): /.exec(error.message) ?? []
    return { refused: file === undefined ? error.message : `${file} line ${line}` }
  }
  return {
    host: settings.hostName,
    port: String(settings.port),
    user: settings.user ?? username,
    keys: settings.identityFiles.join(' '),
    agent: settings.identityAgent,
    only: settings.identitiesOnly ? 'yes' : 'no',
    own: known(settings.userKnownHosts, join(home, '.ssh'), 'known_hosts').replaceAll(homedir, home) || undefined,
    global: known(settings.globalKnownHosts, '/etc/ssh', 'ssh_known_hosts') || undefined,
    alias: settings.hostKeyAlias,
    hash: settings.hashKnownHosts ? 'yes' : 'no',
    jump: formatJump(settings.proxyJump),
    command: settings.proxyCommand,
  }
}
