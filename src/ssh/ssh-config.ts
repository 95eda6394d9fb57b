// The user's and the system's ssh_config, as far as it says how to reach a console (ssh_config(5)).
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { parse } from 'ssh-config'
import { ConsoleError, describeCondition, errorCode } from '../errors.ts'
import { matchesPattern } from './known-hosts.ts'

/** What ssh would do to reach a host. File names have their tokens and `~` filled in; absent is ssh's default. */
export interface SshSettings {
  hostName: string
  port: number
  /** Absent where the configuration says nothing of a user. */
  user: string | undefined
  identityFiles: readonly string[]
  /** A socket, 'none', or undefined for SSH_AUTH_SOCK. */
  identityAgent: string | undefined
  identitiesOnly: boolean
  userKnownHosts: readonly string[] | undefined
  globalKnownHosts: readonly string[] | undefined
  hostKeyAlias: string | undefined
  hashKnownHosts: boolean
  /** `[user@]host[:port]`, the first hop first. */
  proxyJump: readonly string[]
  /** A ProxyCommand, which metalkit does not run. */
  proxyCommand: string | undefined
}

/** For which host, as whom, on which computer. */
export interface SettingsQuery {
  host: string
  port: number
  /** The user over there. */
  user: string
  home: string
  localUser: string
  env: Record<string, string | undefined>
  /** The user's file and the system's; the first value found counts. */
  files: readonly string[]
}

type Values = Map<string, string[]>

/** The settings that may be given several times, and then all count. */
const cumulative = new Set(['identityfile'])
const deepestInclude = 16

/** Takes over what a piece of configuration says of the host, unless it was said before. */
function addValues(text: string, query: SettingsQuery, values: Values): void {
  // A command of `Match exec` is not run.
  const computed = parse(text).compute(
    query.user === '' ? { Host: query.host } : { Host: query.host, User: query.user },
    { ignoreCase: true, matchExec: false },
  )
  for (const [key, value] of Object.entries(computed)) {
    const words = [value].flat().map(String)
    if (cumulative.has(key)) values.set(key, [...(values.get(key) ?? []), ...words])
    else if (!values.has(key)) values.set(key, words)
  }
}

/** Whether a Host or Match line is about the host. */
function isAbout(header: string, query: SettingsQuery): boolean {
  const values: Values = new Map()
  addValues(`${header}\n  IdentityFile here`, query, values)
  return values.has('identityfile')
}

/** The files an Include names; a pattern may stand in the last part of a path. */
async function findIncluded(word: string, from: string, home: string): Promise<string[]> {
  const path = word.replace(/^~(?=\/)/, home)
  const full = isAbsolute(path) ? path : join(from, path)
  if (!/[*?]/.test(full)) return [full]
  const names = await readdir(dirname(full)).catch(() => [])
  return names
    .filter((name) => !name.startsWith('.') && matchesPattern(name, basename(full)))
    .toSorted()
    .map((name) => join(dirname(full), name))
}

/** Reads a file piece by piece, between its Includes, each under the Host or Match line it stands under. */
async function readFileInto(file: string, query: SettingsQuery, values: Values, depth: number): Promise<void> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return
    throw new ConsoleError(`ssh's configuration "${file}" cannot be read: ${describeCondition(error)}`, {
      hint: 'make it readable for you',
      cause: error,
    })
  }
  let header = ''
  let piece: string[] = []
  const finish = () => {
    addValues([header, ...piece].join('\n'), query, values)
    piece = []
  }
  for (const line of text.split(/\r?\n/)) {
    const words = /^\s*include[\s=]+(.*)$/i.exec(line)?.[1]
    if (words === undefined) {
      if (/^\s*(host|match)[\s=]/i.test(line)) {
        finish()
        header = line
      } else piece.push(line)
      continue
    }
    finish()
    if (depth >= deepestInclude || (header !== '' && !isAbout(header, query))) continue
    const from = file.startsWith(join(query.home, '.ssh')) ? join(query.home, '.ssh') : dirname(file)
    for (const word of words.match(/"[^"]*"|\S+/g) ?? []) {
      for (const included of await findIncluded(word.replaceAll('"', ''), from, query.home)) {
        await readFileInto(included, query, values, depth + 1)
      }
    }
  }
  finish()
}

/** Fills in `~`, `${VARIABLE}` and the tokens of ssh_config(5), "TOKENS". */
function expand(text: string, tokens: Record<string, string>, query: SettingsQuery): string {
  return text
    .replace(/^~(?=\/|$)/, query.home)
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => query.env[name] ?? '')
    .replaceAll(/%([%dhiklLnpru])/g, (whole, token: string) => (token === '%' ? '%' : (tokens[token] ?? whole)))
}

const isYes = (text: string | undefined) => /^(yes|true)$/i.test(text ?? '')

/** What the files say of a host. @throws ConsoleError where one cannot be read */
export async function loadSshSettings(query: SettingsQuery): Promise<SshSettings> {
  const values: Values = new Map()
  for (const file of query.files) await readFileInto(file, query, values, 0)
  const one = (key: string) => values.get(key)?.[0]
  const hostName = (one('hostname') ?? query.host).replaceAll(/%([%h])/g, (_, token) =>
    token === 'h' ? query.host : '%',
  )
  const port = query.port === 22 && one('port') !== undefined ? Number(one('port')) : query.port
  const tokens = {
    d: query.home,
    h: hostName,
    k: one('hostkeyalias') ?? query.host,
    n: query.host,
    p: String(port),
    r: query.user,
    u: query.localUser,
  }
  const fill = (text: string) => expand(text, tokens, query)
  const files = (key: string) => values.get(key)?.flatMap((word) => (word.toLowerCase() === 'none' ? [] : [fill(word)]))
  const agent = one('identityagent')
  // The first of the two counts, also if it is `none`.
  const proxy = [...values.keys()].find((key) => key === 'proxyjump' || key === 'proxycommand')
  const jump = proxy === 'proxyjump' ? one('proxyjump') : undefined
  const command = proxy === 'proxycommand' ? one('proxycommand') : undefined
  return {
    hostName,
    port,
    user: one('user'),
    identityFiles: files('identityfile') ?? [],
    identityAgent:
      agent === undefined || agent === 'SSH_AUTH_SOCK'
        ? undefined
        : agent.startsWith('$') && !agent.startsWith('${')
          ? query.env[agent.slice(1)]
          : fill(agent),
    identitiesOnly: isYes(one('identitiesonly')),
    userKnownHosts: files('userknownhostsfile'),
    globalKnownHosts: files('globalknownhostsfile'),
    hostKeyAlias: one('hostkeyalias'),
    hashKnownHosts: isYes(one('hashknownhosts')),
    proxyJump:
      jump === undefined || jump.toLowerCase() === 'none' ? [] : jump.split(',').map((hop) => fill(hop.trim())),
    proxyCommand: command?.toLowerCase() === 'none' ? undefined : command,
  }
}
