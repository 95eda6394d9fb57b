// The settings in the user's and the system's ssh_config that concern consoles (ssh_config(5)).
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { ConsoleError } from '../../errors.ts'
import { ConfigFiles, expandTilde } from './find-files.ts'
import { expandHostName, isNone, splitJump } from './jump.ts'
import { refuseLine } from './place.ts'
import { readPort } from './read-line.ts'
import { type ConfigValue, firstWord, readConfigFiles, type Reading } from './reader.ts'

/** The settings with which ssh would reach a host. File names have their tokens and `~` expanded; absent means ssh's default. */
export interface SshSettings {
  hostName: string
  port: number
  /** Absent if the configuration does not name a user. */
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
  /** The ignored settings, one sentence each. */
  notes: readonly string[]
}

/** The host, the user, and the local computer. */
export interface SettingsQuery {
  host: string
  /** If undefined, the configuration decides. */
  port: number | undefined
  /** The remote user; if '', the configuration decides. */
  user: string
  home: string
  localUser: string
  env: Record<string, string | undefined>
  /** The user's file, then the system's; the first value wins. */
  files: readonly string[]
  /** Files that earlier queries have read. */
  kept?: ConfigFiles
}

/** An address in its usual form, as getaddrinfo(3) understands `127.1` and `::0001`; undefined for a name. */
function normalizeAddress(host: string): string | undefined {
  if (isIP(host) === 6) return host.includes('%') ? host : new URL(`http://[${host}]`).hostname.slice(1, -1)
  if (!/^[0-9]/.test(host)) return undefined
  try {
    const { hostname: address } = new URL(`http://${host}`)
    return isIP(address) === 4 && !/[^0-9a-fx.]/i.test(host) ? address : undefined
  } catch {
    return undefined
  }
}

/** The host name as ssh looks it up: in lower case, an address in its usual form. */
function normalizeHost(name: string): string {
  return normalizeAddress(name) ?? (/[%:]|^[0-9.]*$/.test(name) ? name : name.toLowerCase())
}

type Tokens = Record<string, string>

/** Expands the tokens of ssh_config(5), "TOKENS", and, if `env` is given, `${VARIABLE}`. */
function fill(text: string, tokens: Tokens, env: SettingsQuery['env'] | undefined, value: ConfigValue): string {
  const refuse = (why: string): never => {
    if (value.place === undefined) throw new ConsoleError(why, {})
    return refuseLine(value.place, why)
  }
  return text.replaceAll(/%(.?)|\$\{([^}]*)(\}?)/gs, (whole, token: string | undefined, name = '', end = '') => {
    if (token !== undefined) return tokens[token] ?? refuse(`"${text}" has the unknown token "${whole}"`)
    if (env === undefined) return whole
    if (end === '') return refuse(`"${text}" has a variable without its closing brace`)
    return env[name] ?? refuse(`"${text}" names the variable "${name}", which is not in the environment`)
  })
}

/** The same for a file name, after `~`. */
async function fillPath(text: string, tokens: Tokens, query: SettingsQuery, value: ConfigValue): Promise<string> {
  const path = await expandTilde(text, query.home)
  if (path === undefined && value.place !== undefined) refuseLine(value.place, `"${text}" names an unknown user`)
  return fill(path ?? text, tokens, query.env, value)
}

/** The values of the tokens. */
function makeTokens(reading: Reading, host: string, port: number): Tokens {
  const user = firstWord(reading, 'user') ?? reading.localUser
  const name = hostname()
  const hash = createHash('sha1').update(`${name}${host}${port}${user}`)
  return {
    '%': '%',
    C: hash.digest('hex'),
    L: name.replace(/\..*/s, ''),
    d: reading.home,
    h: host,
    i: String(process.getuid?.() ?? 0),
    k: firstWord(reading, 'hostkeyalias')?.toLowerCase() ?? reading.originalHost,
    l: name,
    n: reading.originalHost,
    p: String(port),
    r: user,
    u: reading.localUser,
  }
}

const isYes = (text: string | undefined) => /^(yes|true)$/i.test(text ?? '')

/** A value that overrides the files. */
const overrideWith = (word: string): ConfigValue[] => [{ words: [word], place: undefined, isUserFile: true }]

/** Reads the files, and a second time if they require it: for `Match final` and CanonicalizeHostname. */
async function readTwice(query: SettingsQuery): Promise<Reading> {
  const reading: Reading = {
    host: query.host,
    originalHost: query.host,
    localUser: query.localUser,
    home: query.home,
    env: query.env,
    files: query.kept ?? new ConfigFiles(),
    values: new Map(),
    notes: new Set(),
    isFinal: false,
    wantsFinal: false,
  }
  if (query.user !== '') reading.values.set('user', overrideWith(query.user))
  if (query.port !== undefined) reading.values.set('port', overrideWith(String(query.port)))
  await readConfigFiles(reading, query.files)
  const name = reading.values.get('hostname')?.[0]
  const expanded = name === undefined ? query.host : expandHostName(name.words[0] ?? '', query.host, name.place)
  reading.host = normalizeHost(expanded)
  const canonicalize = firstWord(reading, 'canonicalizehostname')?.toLowerCase() ?? 'no'
  if (!['no', 'false'].includes(canonicalize) && reading.values.has('canonicaldomains')) {
    reading.notes.add("CanonicalDomains of ssh's configuration is ignored: metalkit uses host names as they are")
  }
  if (reading.wantsFinal || !['no', 'false'].includes(canonicalize)) {
    reading.isFinal = true
    reading.values.set('hostname', overrideWith(reading.host))
    await readConfigFiles(reading, query.files)
  }
  return reading
}

/** The settings for a host. @throws ConsoleError for a line that ssh refuses, and a file that cannot be read */
export async function loadSshSettings(query: SettingsQuery): Promise<SshSettings> {
  const reading = await readTwice(query)
  const { values, host } = reading
  const firstOf = (keyword: string) => firstWord(reading, keyword)
  const port = readPort(firstOf('port') ?? '22') ?? 22
  const tokens = makeTokens(reading, host, port)
  const files = async (keyword: string) => {
    const words = values.get(keyword)?.flatMap((value) => value.words.map((word) => ({ word, value })))
    if (words === undefined) return undefined
    const named = words.filter(({ word }) => !isNone(word))
    return await Promise.all(named.map(async ({ word, value }) => await fillPath(word, tokens, query, value)))
  }
  const [agent] = values.get('identityagent') ?? []
  const [jump] = values.get('proxyjump') ?? []
  const command = firstOf('proxycommand')
  return {
    hostName: host,
    port,
    user: firstOf('user'),
    identityFiles: (await files('identityfile')) ?? [],
    identityAgent: agent === undefined ? undefined : await findAgent(agent, tokens, query),
    identitiesOnly: isYes(firstOf('identitiesonly')),
    userKnownHosts: await files('userknownhostsfile'),
    // ssh uses these names unchanged.
    globalKnownHosts: values.get('globalknownhostsfile')?.[0]?.words.filter((word) => !isNone(word)),
    hostKeyAlias: firstOf('hostkeyalias')?.toLowerCase(),
    hashKnownHosts: isYes(firstOf('hashknownhosts')),
    proxyJump: jump === undefined ? [] : splitJump(jump.words[0] ?? '').map((hop) => fillHop(hop, tokens, jump)),
    proxyCommand: command === undefined || isNone(command) ? undefined : command,
    notes: [...reading.notes],
  }
}

/** The hops of ProxyJump support fewer tokens than file names. */
function fillHop(hop: string, { h = '', k = '', n = '', p = '', r = '' }: Tokens, value: ConfigValue): string {
  return fill(hop, { '%': '%', h, k, n, p, r }, undefined, value)
}

/** The socket: a path, `none`, or the value of a variable, `SSH_AUTH_SOCK` or `$NAME`. */
async function findAgent(value: ConfigValue, tokens: Tokens, query: SettingsQuery): Promise<string | undefined> {
  const [word = ''] = value.words
  if (word === 'SSH_AUTH_SOCK') return undefined
  // A variable that is not set leaves ssh without an agent.
  if (/^\$\w/.test(word)) return query.env[word.slice(1)] ?? 'none'
  return isNone(word) ? 'none' : await fillPath(word, tokens, query, value)
}
