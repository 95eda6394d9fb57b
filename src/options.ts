// Every flag once: name, environment variables, default, parser, help. Precedence is decided here and nowhere else:
// flag > environment > metal.yaml > default.
import { UsageError } from './errors.ts'

/** One flag. `T` is what its text parses to; without a fallback the value may be undefined. */
export interface Flag<T = unknown> {
  /** Long name without dashes. */
  name: string
  short?: string
  /** What the value is called in help; absent for a boolean or a counter. */
  placeholder?: string
  /** Of a 'value' the last one given counts, of a 'list' all; a variable gives one element. */
  kind: 'value' | 'list' | 'boolean' | 'count'
  /** Environment variables, the first set one counts. An empty one is as good as unset. */
  env: readonly string[]
  /** Key in metal.yaml. */
  config?: string
  /** The default, as text a user could have typed. */
  fallback?: string
  /** What help says of a default that is worked out later. */
  computed?: string
  /** The texts that are taken, where there are few. */
  choices?: readonly string[]
  /** A secret is never quoted. */
  secret?: boolean
  help: string
  /** Parses the text or throws a Refusal; of a list, one element's text into a list of one. */
  parse: (text: string) => T
}

/** Why a text is no value for its flag: the message finishes the sentence `--flag "text" …`. */
class Refusal extends Error {
  readonly hint: string | undefined

  constructor(why: string, hint?: string) {
    super(why)
    this.hint = hint
  }
}

type Spec<T> = Omit<Flag<T>, 'kind' | 'env' | 'parse'> & { env?: readonly string[] }

/** The rule for flags that name no variable: METAL_ and the flag in capitals (as metal-cli has it). */
function envOf(spec: { name: string; env?: readonly string[] }): readonly string[] {
  return spec.env ?? [`METAL_${spec.name.toUpperCase().replaceAll('-', '_')}`]
}

function value<T>(spec: Spec<T> & { fallback: string; placeholder: string }, parse: (text: string) => T): Flag<T>
function value<T>(spec: Spec<T> & { placeholder: string }, parse: (text: string) => T): Flag<T | undefined>
function value<T>(spec: Spec<T>, parse: (text: string) => T): Flag<T | undefined> {
  return { ...spec, kind: 'value', env: envOf(spec), parse }
}

function list<T>(spec: Spec<T[]> & { placeholder: string }, parse: (text: string) => T): Flag<T[]> {
  return { ...spec, kind: 'list', env: envOf(spec), parse: (text) => [parse(text)] }
}

function boolean(spec: Spec<boolean> & { fallback: 'true' | 'false' }): Flag<boolean>
function boolean(spec: Spec<boolean> & { computed: string }): Flag<boolean | undefined>
function boolean(spec: Spec<boolean>): Flag<boolean | undefined> {
  return { ...spec, kind: 'boolean', env: envOf(spec), parse: parseBoolean }
}

function count(spec: Spec<number>): Flag<number> {
  return { ...spec, kind: 'count', fallback: '0', env: envOf(spec), parse: parseCount }
}

/** Go's spellings (strconv.ParseBool). */
function parseBoolean(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  throw new Refusal('is neither true nor false', 'write true or false')
}

function parseCount(text: string): number {
  if (!/^\d$/.test(text)) throw new Refusal('is not a level', 'write 0, 1 or 2')
  return Number(text)
}

function parseText(text: string): string {
  return text
}

/** A token as a file or a CI variable brings it, often with a newline behind it. */
function parseToken(text: string): string {
  const token = text.trim()
  if (!/^[\x21-\x7e]*$/.test(token)) throw new Refusal('holds characters no token has', 'copy it again')
  return token
}

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A duration as Go writes it (`90s`, `1h30m`, `500ms`), in milliseconds. */
function parseAge(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new Refusal('is not a duration', 'write it as 90s, 10m or 1h30m')
  }
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (durationUnits[unit ?? ''] ?? Number.NaN)
  }
  return total
}

/** A duration that a timer can wait, in milliseconds. */
function parseDuration(text: string): number {
  const total = parseAge(text)
  if (!(total > 0 && total <= 2 ** 31 - 1)) {
    throw new Refusal('is not between 1ms and 24 days', 'choose a duration in that range')
  }
  return total
}

/** A base URL, kept as it is given: machines append `/<name>-kernel` to it. */
function parseBaseUrl(text: string): string {
  const hint = 'write it as http://host[:port]/path'
  if (text === '') throw new Refusal('is empty', hint)
  if (/\s/.test(text)) throw new Refusal('contains white space, which would end the line in the iPXE script', hint)
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw new Refusal('is not an http or https URL', hint)
  return text
}

function parseApiUrl(text: string): string {
  if (/\s/.test(text) || !/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new Refusal('is not an http or https URL', 'write it as https://api.equinix.com/metal/v1')
  }
  return text.replace(/\/+$/, '')
}

/** A host and a port. */
export interface Address {
  host: string
  port: number
}

/** A name that is also one of a file. */
function parseLabName(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(text)) return text
  throw new Refusal('is not a name for a lab', 'use up to 32 letters a to z, digits and -')
}

/** `host[:port]`, `[v6][:port]`; the port defaults to `defaultPort`. */
function parseHost(defaultPort: number): (text: string) => Address {
  return (text) => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/[\]]+))(?::(\d+))?$/.exec(text)
    const host = match?.[1] ?? match?.[2]
    const port = match?.[3] === undefined ? defaultPort : Number(match[3])
    if (host === undefined) throw new Refusal('is not a host', 'write it as host, host:port or [address]:port')
    if (port < 1 || port > 65535) throw new Refusal('has no valid port', 'choose a port from 1 to 65535')
    return { host, port }
  }
}

/** `:port`, `port`, `host:port` or `[v6]:port`, as Go's servers take it; host '' is every interface, port 0 any free one. */
function parseListen(text: string): Address {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/[\]]*)):)?(\d+)$/.exec(text)
  const hint = 'write it as :8080, 8080 or 127.0.0.1:8080'
  if (match === null) throw new Refusal('is not an address to listen on', hint)
  const port = Number(match[3])
  if (port > 65535) throw new Refusal('has no valid port', hint)
  return { host: match[1] ?? match[2] ?? '', port }
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text, 'm')
  } catch (error) {
    throw new Refusal(
      `is not a regular expression (${error instanceof Error ? error.message : String(error)})`,
      'escape what is meant literally with a backslash',
    )
  }
}

/** Text to type: `\r` is the return key, and the other escapes of JavaScript's strings mean what they mean there. */
function parseKeys(text: string): string {
  const named: Record<string, string> = { r: '\r', n: '\n', t: '\t', b: '\b', e: '\u001b', '\\': '\\' }
  return text.replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.|$)/gs, (_, code: string) => {
    const character = code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : named[code]
    if (character === undefined) throw new Refusal(`holds "\\${code}", which is no key`, 'write a backslash as \\\\')
    return character
  })
}

/** A fingerprint as ssh-keygen -l prints it. */
function parseFingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(text)) {
    throw new Refusal('is not a fingerprint', 'write it as ssh-keygen -l prints it: SHA256: and 43 characters')
  }
  return text.slice(0, 50)
}

function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text)
    if (found === undefined) throw new Refusal('is not known', `choose one of ${choices.join(', ')}`)
    return found
  }
}

/** A host name as the API takes it (no underscore, RFC 1123). */
function parseHostname(text: string): string {
  if (!/^(?!-)[a-z0-9.-]{1,253}(?<!-)$/i.test(text)) {
    throw new Refusal('is not a host name', 'use letters, digits, dots and hyphens only; the API takes no underscore')
  }
  return text
}

/** An id as it stands in the API's paths; real ones are UUIDs. */
function parseId(text: string): string {
  if (!/^[\w-]+$/.test(text)) throw new Refusal('is not an id', 'it reads like 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c')
  return text
}

/** All flags of all commands. The key is the name in code. */
export const flags = {
  baseUrl: value(
    { name: 'base-url', placeholder: 'url', help: 'URL that machines fetch kernel, initrd and iPXE script from' },
    parseBaseUrl,
  ),
  zone: value(
    {
      name: 'zone',
      placeholder: 'facility',
      env: ['METAL_FACILITY'],
      help: 'facility such as ams1; the API takes metros only, so its metro is used',
    },
    parseText,
  ),
  metro: value(
    { name: 'metro', placeholder: 'code', computed: "am, or the zone's", help: 'metro to rent in' },
    parseText,
  ),
  machine: value(
    { name: 'machine', placeholder: 'plan', fallback: 'baremetal_0', help: 'plan of the machine to rent' },
    parseText,
  ),
  apiKey: value(
    {
      name: 'api-key',
      placeholder: 'token',
      env: ['METAL_API_TOKEN', 'METAL_AUTH_TOKEN'],
      config: 'token',
      secret: true,
      help: 'API token; a variable or metal.yaml keeps it out of the process list',
    },
    parseToken,
  ),
  projectId: value(
    { name: 'project-id', placeholder: 'uuid', config: 'project-id', help: 'project the machine belongs to' },
    parseId,
  ),
  device: value(
    {
      name: 'device',
      placeholder: 'id',
      help: 'boot this existing machine instead of renting one; it is never deleted',
    },
    parseId,
  ),
  hostname: value(
    { name: 'hostname', placeholder: 'name', computed: '<user>-linuxkit', help: 'host name of the machine' },
    parseHostname,
  ),
  imgName: value(
    {
      name: 'img-name',
      placeholder: 'prefix',
      env: ['METAL_NAME'],
      computed: '<name>',
      help: 'prefix of the image files, may carry a folder',
    },
    parseText,
  ),
  alwaysPxe: boolean({ name: 'always-pxe', fallback: 'true', help: 'boot over iPXE every time, not only the first' }),
  serve: value(
    { name: 'serve', placeholder: 'address', help: 'serve the image from this computer, e.g. :8080' },
    parseListen,
  ),
  tunnel: value(
    {
      name: 'tunnel',
      placeholder: 'url',
      help: 'public URL for --serve: ssh://user@host[:port][?bind=[host:]port], or ngrok; --base-url follows from it',
    },
    parseText,
  ),
  console: boolean({ name: 'console', fallback: 'true', help: 'attach to the serial console' }),
  keep: boolean({ name: 'keep', fallback: 'false', help: 'keep the machine at the end; it costs money until deleted' }),
  arch: value(
    {
      name: 'arch',
      placeholder: 'arch',
      choices: ['x86_64', 'aarch64'],
      computed: 'worked out',
      help: 'architecture of the image: x86_64 or aarch64',
    },
    oneOf('x86_64', 'aarch64'),
  ),
  apiUrl: value(
    { name: 'api-url', placeholder: 'url', fallback: 'https://api.equinix.com/metal/v1', help: 'the Metal API' },
    parseApiUrl,
  ),
  sos: value(
    { name: 'sos', placeholder: 'host[:port]', computed: "the device's", help: 'Serial-over-SSH host of the console' },
    parseHost(22),
  ),
  identity: list(
    {
      name: 'identity',
      placeholder: 'file',
      computed: "agent, then ssh's files",
      help: 'private key for the console; repeatable',
    },
    parseText,
  ),
  knownHosts: value(
    { name: 'known-hosts', placeholder: 'file', computed: '~/.ssh/known_hosts', help: 'host keys the console trusts' },
    parseText,
  ),
  hostKeyPolicy: value(
    {
      name: 'host-key-policy',
      placeholder: 'policy',
      choices: ['ask', 'accept-new'],
      fallback: 'ask',
      help: 'an unknown console host: ask (without a terminal refuse), or accept-new',
    },
    oneOf('ask', 'accept-new'),
  ),
  hostKey: list(
    {
      name: 'host-key',
      placeholder: 'fingerprint',
      help: "fingerprint of the console host's key, trusted without known_hosts; repeatable",
    },
    parseFingerprint,
  ),
  waitFor: list(
    {
      name: 'wait-for',
      placeholder: 'regex',
      help: 'end with success when the console shows it; repeated: all of them, in this order',
    },
    parsePattern,
  ),
  failOn: list(
    {
      name: 'fail-on',
      placeholder: 'regex',
      help: 'end with exit code 8 when the console shows it; repeatable',
    },
    parsePattern,
  ),
  noDefaultFailures: boolean({
    name: 'no-default-failures',
    fallback: 'false',
    help: 'without a terminal or with --wait-for, do not end on a kernel panic or a failed boot',
  }),
  on: list(
    { name: 'on', placeholder: 'regex', help: 'when the console shows it, type the --send after it; repeatable' },
    parsePattern,
  ),
  send: list(
    { name: 'send', placeholder: 'text', help: 'what to type after the --on before it; \\r is the return key' },
    parseKeys,
  ),
  log: value({ name: 'log', placeholder: 'file', help: "keep the console's raw bytes there" }, parseText),
  record: value({ name: 'record', placeholder: 'file', help: 'record the console there, for asciinema' }, parseText),
  timeout: value(
    {
      name: 'timeout',
      placeholder: 'duration',
      fallback: '30m',
      help: 'longest wait for the machine, and for --wait-for',
    },
    parseDuration,
  ),
  ttl: value(
    {
      name: 'ttl',
      placeholder: 'duration',
      help: 'have the cloud delete the machine after this long, whatever happens here',
    },
    parseDuration,
  ),
  idFile: value(
    { name: 'id-file', placeholder: 'path', help: 'write the device id there as soon as it is known' },
    parseText,
  ),
  json: boolean({ name: 'json', fallback: 'false', help: 'one JSON object a line on stdout, for scripts' }),
  olderThan: value(
    { name: 'older-than', placeholder: 'duration', help: 'all that metalkit made and that are older' },
    parseAge,
  ),
  yes: boolean({ name: 'yes', fallback: 'false', help: 'do it without asking' }),
  decompress: boolean({
    name: 'decompress',
    computed: 'true for aarch64',
    help: 'write kernel and initrd decompressed',
  }),
  destination: value(
    { name: 'destination', placeholder: 'path', fallback: './out', help: 'folder, or file: or sftp: URL, to write to' },
    parseText,
  ),
  dryRun: boolean({ name: 'dry-run', fallback: 'false', help: 'say what would be written, and write nothing' }),
  directory: value({ name: 'directory', placeholder: 'path', fallback: '.', help: 'folder to serve' }, parseText),
  port: value(
    {
      name: 'port',
      placeholder: 'address',
      fallback: ':8080',
      help: 'where to listen: host:port, :port or port; 0 is any free one',
    },
    parseListen,
  ),
  tlsCert: value(
    { name: 'tls-cert', placeholder: 'file', help: 'serve https with this certificate and its chain (PEM)' },
    parseText,
  ),
  tlsKey: value({ name: 'tls-key', placeholder: 'file', help: "the certificate's private key (PEM)" }, parseText),
  detach: boolean({ name: 'detach', short: 'd', fallback: 'false', help: 'run in the background' }),
  machines: value(
    {
      name: 'machines',
      placeholder: 'kind',
      choices: ['auto', 'qemu', 'simulated'],
      env: ['METAL_LAB_MACHINES'],
      fallback: 'auto',
      help: 'what machines are: auto, qemu or simulated',
    },
    oneOf('auto', 'qemu', 'simulated'),
  ),
  fault: value(
    {
      name: 'fault',
      placeholder: 'faults',
      env: ['METAL_LAB_FAULT'],
      fallback: '',
      help: 'what is to go wrong, such as "create:drop-after, get:429 retry-after=1 x3"',
    },
    parseText,
  ),
  pace: value(
    {
      name: 'pace',
      placeholder: 'pace',
      env: ['METAL_LAB_PACE'],
      fallback: 'quick',
      choices: ['quick', 'real'],
      help: 'how long machines take: quick, or minutes as in the cloud: real',
    },
    oneOf('quick', 'real'),
  ),
  facilities: boolean({
    name: 'facilities',
    env: ['METAL_LAB_FACILITIES'],
    fallback: 'false',
    help: 'take facilities too, as the API did until 2023',
  }),
  labName: value(
    {
      name: 'name',
      placeholder: 'name',
      env: ['METAL_LAB_NAME'],
      computed: 'default, or none with a COMMAND',
      help: 'name of the lab, which keeps its machines over restarts',
    },
    parseLabName,
  ),
  labPort: value(
    {
      name: 'port',
      placeholder: 'address',
      env: ['METAL_LAB_PORT'],
      computed: '127.0.0.1:7070, or any free port with a COMMAND',
      help: 'where the API listens',
    },
    parseListen,
  ),
  sosPort: value(
    {
      name: 'sos-port',
      placeholder: 'address',
      env: ['METAL_LAB_SOS_PORT'],
      computed: '127.0.0.1:7022, or any free port with a COMMAND',
      help: 'where the SOS listens',
    },
    parseListen,
  ),
  quiet: boolean({ name: 'quiet', short: 'q', fallback: 'false', help: 'say nothing but errors' }),
  verbose: count({ name: 'verbose', short: 'v', help: 'say more; twice, or =2, for every request' }),
} as const satisfies Record<string, Flag>

/** A flag's name in code. */
export type FlagName = keyof typeof flags

/** The values of some flags, as commands get them. */
export type Options<N extends FlagName> = { [K in N]: (typeof flags)[K] extends Flag<infer T> ? T : never }

const byName = new Map<string, Flag>()
for (const flag of Object.values<Flag>(flags)) {
  byName.set(flag.name, flag)
  if (flag.short !== undefined) byName.set(flag.short, flag)
}
const globals = new Set<Flag>([flags.quiet, flags.verbose])

/**
 * Go's ways with flags, put into the one form commander reads: `-serve :8080` and `-serve=:8080` become
 * `--serve=:8080`, `-keep` becomes `--keep=true`, and the flags of all commands (-q, -v) move to the front.
 * Stops at `--`. What is not a flag of ours stays as it is.
 */
export function normaliseArgs(argv: readonly string[]): string[] {
  const front: string[] = []
  const rest: string[] = []
  let i = 0
  for (; i < argv.length && argv[i] !== '--'; i++) {
    const arg = argv[i] ?? ''
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg)
    if (match === null) {
      rest.push(arg)
      continue
    }
    const name = match[1] ?? ''
    const inline = match[2]
    const repeated = /^-v{2,}$/.test(arg)
    const flag = repeated ? flags.verbose : byName.get(name)
    if (flag === undefined) {
      rest.push(name.length > 1 ? `-${arg.replace(/^-+/, '-')}` : arg)
    } else {
      const next = argv[i + 1]
      const takesText = flag.kind === 'value' || flag.kind === 'list'
      const text = repeated
        ? String(name.length)
        : (inline ?? (takesText ? next : flag.kind === 'count' ? '+1' : 'true'))
      if (inline === undefined && takesText) i++
      const target = globals.has(flag) ? front : rest
      target.push(text === undefined ? `--${flag.name}` : `--${flag.name}=${text}`)
    }
  }
  return [...front, ...rest, ...argv.slice(i)]
}

/** What stood on the command line, by flag name in code; of a list all elements. */
export type Texts = Partial<Record<FlagName, string | readonly string[]>>

/** Where the text of a value came from, as errors name it. */
type Source = { label: string; text: string }

function find(flag: Flag, given: string | undefined, env: Record<string, string | undefined>): Source | undefined {
  if (given !== undefined) return { label: `--${flag.name}`, text: given }
  const variable = flag.env.find((name) => env[name] !== undefined && env[name] !== '')
  return variable === undefined ? undefined : { label: variable, text: env[variable] ?? '' }
}

function parseSource(flag: Flag, source: Source): unknown {
  try {
    return flag.parse(source.text)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const shown = flag.secret ? '' : ` ${JSON.stringify(source.text)}`
    throw new UsageError(
      `${source.label}${shown} ${error.message}`,
      error.hint === undefined ? {} : { hint: error.hint },
    )
  }
}

/**
 * The values of the named flags. `given` holds the texts of the command line by flag name in code; the configuration
 * file is read only when a flag that may stand in it is set nowhere else.
 * @throws UsageError naming the flag, variable or file whose value is refused
 */
export async function resolveOptions<N extends FlagName>(
  names: readonly N[],
  given: Texts,
  env: Record<string, string | undefined>,
): Promise<Options<N>> {
  const values: Partial<Record<FlagName, unknown>> = {}
  for (const name of names) {
    const flag: Flag = flags[name]
    const texts = given[name]
    if (flag.kind === 'list') {
      const elements = [texts ?? find(flag, undefined, env) ?? []].flat()
      values[name] = elements.flatMap((one) =>
        parseSource(flag, typeof one === 'string' ? { label: `--${flag.name}`, text: one } : one),
      )
      continue
    }
    let source = find(flag, typeof texts === 'string' ? texts : texts?.at(-1), env)
    if (source === undefined && flag.config !== undefined) {
      const { readConfig } = await import('./config.ts')
      const { path, values: config } = await readConfig(env)
      const text = config[flag.config]
      if (text !== undefined && text !== '') source = { label: `${flag.config} in ${path}`, text }
    }
    if (source === undefined && flag.fallback !== undefined) source = { label: `--${flag.name}`, text: flag.fallback }
    values[name] = source === undefined ? undefined : parseSource(flag, source)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has set every name in names, each by its own flag's parser
  return values as Options<N>
}

/** A value that the command cannot do without. @throws UsageError saying all the ways to give it */
export function requireOption<T>(name: FlagName, given: T | undefined): NonNullable<T> {
  if (given !== undefined && given !== null && given !== '') return given
  const flag: Flag = flags[name]
  const ways = [`--${flag.name}`, ...flag.env, ...(flag.config === undefined ? [] : [`${flag.config} in metal.yaml`])]
  throw new UsageError(`no ${flag.name} is given`, { hint: `set ${ways.join(' or ')} (${flag.help})` })
}
