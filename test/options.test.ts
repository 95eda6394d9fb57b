import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../src/commands/index.ts'
import { UsageError } from '../src/errors.ts'
import { checkValues, normaliseArgs } from '../src/options/arguments.ts'
import type { Flag } from '../src/options/flags/flag.ts'
import { type FlagName, flags } from '../src/options/flags.ts'
import { requireOption, resolveOptions } from '../src/options/precedence.ts'

/** A value for the command line, one for the environment, one for metal.yaml, the parsed form of each, and the default. */
interface Row {
  flag: [text: string, value: unknown]
  env: [text: string, value: unknown]
  /** The variables, in order of precedence. */
  variables: readonly string[]
  config?: { key: string; text: string; value: unknown }
  fallback: unknown
}

const address = (host: string, port: number) => ({ host, port })

/** The precedence table: every flag has a row. */
const rows: Record<FlagName, Row> = {
  baseUrl: {
    flag: ['http://a/x', 'http://a/x'],
    env: ['http://b', 'http://b'],
    variables: ['METAL_BASE_URL'],
    fallback: undefined,
  },
  zone: { flag: ['ams1', 'ams1'], env: ['ny5', 'ny5'], variables: ['METAL_FACILITY'], fallback: undefined },
  metro: { flag: ['ny', 'ny'], env: ['da', 'da'], variables: ['METAL_METRO'], fallback: undefined },
  machine: {
    flag: ['c3.small.x86', 'c3.small.x86'],
    env: ['m1', 'm1'],
    variables: ['METAL_MACHINE'],
    fallback: 'baremetal_0',
  },
  apiKey: {
    flag: ['t1', 't1'],
    env: ['t2\n', 't2'],
    variables: ['METAL_API_TOKEN', 'METAL_AUTH_TOKEN'],
    config: { key: 'token', text: 't3', value: 't3' },
    fallback: undefined,
  },
  projectId: {
    flag: ['p1', 'p1'],
    env: ['p2', 'p2'],
    variables: ['METAL_PROJECT_ID'],
    config: { key: 'project-id', text: 'p3', value: 'p3' },
    fallback: undefined,
  },
  device: { flag: ['d1', 'd1'], env: ['d2', 'd2'], variables: ['METAL_DEVICE'], fallback: undefined },
  hostname: { flag: ['h1', 'h1'], env: ['h2', 'h2'], variables: ['METAL_HOSTNAME'], fallback: undefined },
  imgName: { flag: ['./out/x', './out/x'], env: ['y', 'y'], variables: ['METAL_NAME'], fallback: undefined },
  alwaysPxe: { flag: ['false', false], env: ['nO', false], variables: ['METAL_ALWAYS_PXE'], fallback: true },
  serve: {
    flag: [':8080', address('', 8080)],
    env: ['127.0.0.1:1', address('127.0.0.1', 1)],
    variables: ['METAL_SERVE'],
    fallback: undefined,
  },
  tunnel: { flag: ['ngrok', 'ngrok'], env: ['ssh://h', 'ssh://h'], variables: ['METAL_TUNNEL'], fallback: undefined },
  console: { flag: ['F', false], env: ['OFF', false], variables: ['METAL_CONSOLE'], fallback: true },
  keep: { flag: ['T', true], env: ['Yes', true], variables: ['METAL_KEEP'], fallback: false },
  arch: { flag: ['amd64', 'x86_64'], env: ['arm64', 'aarch64'], variables: ['METAL_ARCH'], fallback: undefined },
  apiUrl: {
    flag: ['http://127.0.0.1:1/metal/v1/', 'http://127.0.0.1:1/metal/v1'],
    env: ['http://b', 'http://b'],
    variables: ['METAL_API_URL'],
    fallback: 'https://api.equinix.com/metal/v1',
  },
  sos: {
    flag: ['h', address('h', 22)],
    env: ['[::1]:2222', address('::1', 2222)],
    variables: ['METAL_SOS'],
    fallback: undefined,
  },
  identity: { flag: ['k1', ['k1']], env: ['k2', ['k2']], variables: ['METAL_IDENTITY'], fallback: [] },
  knownHosts: { flag: ['f1', 'f1'], env: ['f2', 'f2'], variables: ['METAL_KNOWN_HOSTS'], fallback: undefined },
  hostKeyPolicy: {
    flag: ['accept-new', 'accept-new'],
    env: ['accept-new', 'accept-new'],
    variables: ['METAL_HOST_KEY_POLICY'],
    fallback: 'ask',
  },
  hostKey: {
    flag: [`SHA256:${'a'.repeat(43)}`, [`SHA256:${'a'.repeat(43)}`]],
    env: [`SHA256:${'b'.repeat(43)}=`, [`SHA256:${'b'.repeat(43)}`]],
    variables: ['METAL_HOST_KEY'],
    fallback: [],
  },
  waitFor: { flag: ['log.n', [/log.n/m]], env: ['up', [/up/m]], variables: ['METAL_WAIT_FOR'], fallback: [] },
  failOn: { flag: ['pan.c', [/pan.c/m]], env: ['no', [/no/m]], variables: ['METAL_FAIL_ON'], fallback: [] },
  noDefaultFailures: {
    flag: ['true', true],
    env: ['1', true],
    variables: ['METAL_NO_DEFAULT_FAILURES'],
    fallback: false,
  },
  on: { flag: ['in:', [/in:/m]], env: ['as:', [/as:/m]], variables: ['METAL_ON'], fallback: [] },
  send: { flag: ['root\\r', ['root\r']], env: ['\\x03\\\\', ['\u0003\\']], variables: ['METAL_SEND'], fallback: [] },
  log: { flag: ['a.log', 'a.log'], env: ['b.log', 'b.log'], variables: ['METAL_LOG'], fallback: undefined },
  record: { flag: ['a.cast', 'a.cast'], env: ['b.cast', 'b.cast'], variables: ['METAL_RECORD'], fallback: undefined },
  timeout: { flag: ['1h30m', 5_400_000], env: ['90s', 90_000], variables: ['METAL_TIMEOUT'], fallback: undefined },
  ttl: { flag: ['2h', 7_200_000], env: ['90s', 90_000], variables: ['METAL_TTL'], fallback: undefined },
  idFile: { flag: ['a.id', 'a.id'], env: ['b.id', 'b.id'], variables: ['METAL_ID_FILE'], fallback: undefined },
  json: { flag: ['true', true], env: ['TRUE', true], variables: ['METAL_JSON'], fallback: false },
  olderThan: { flag: ['0s', 0], env: ['6h', 21_600_000], variables: ['METAL_OLDER_THAN'], fallback: undefined },
  yes: { flag: ['true', true], env: ['1', true], variables: ['METAL_YES'], fallback: false },
  detach: { flag: ['true', true], env: ['1', true], variables: ['METAL_DETACH'], fallback: false },
  decompress: { flag: ['t', true], env: ['f', false], variables: ['METAL_DECOMPRESS'], fallback: undefined },
  destination: { flag: ['/srv', '/srv'], env: ['/b', '/b'], variables: ['METAL_DESTINATION'], fallback: './out' },
  endpoint: {
    flag: ['http://127.0.0.1:9000/', 'http://127.0.0.1:9000'],
    env: ['https://store.example.com/s3', 'https://store.example.com/s3'],
    variables: ['METAL_ENDPOINT', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
    fallback: undefined,
  },
  dryRun: { flag: ['true', true], env: ['1', true], variables: ['METAL_DRY_RUN'], fallback: false },
  directory: { flag: ['/srv', '/srv'], env: ['/b', '/b'], variables: ['METAL_DIRECTORY'], fallback: '.' },
  port: {
    flag: ['9000', address('', 9000)],
    env: ['[::]:1', address('::', 1)],
    variables: ['METAL_PORT'],
    fallback: address('', 8080),
  },
  tlsCert: { flag: ['c1', 'c1'], env: ['c2', 'c2'], variables: ['METAL_TLS_CERT'], fallback: undefined },
  tlsKey: { flag: ['k1', 'k1'], env: ['k2', 'k2'], variables: ['METAL_TLS_KEY'], fallback: undefined },
  accelerator: { flag: ['tcg', 'tcg'], env: ['kvm', 'kvm'], variables: ['METAL_LAB_ACCELERATOR'], fallback: 'auto' },
  firmware: { flag: ['uefi', 'uefi'], env: ['bios', 'bios'], variables: ['METAL_LAB_FIRMWARE'], fallback: 'bios' },
  machines: {
    flag: ['qemu', 'qemu'],
    env: ['simulated', 'simulated'],
    variables: ['METAL_LAB_MACHINES'],
    fallback: 'auto',
  },
  labCloud: {
    flag: ['equinixmetal', 'equinixmetal'],
    env: ['latitude', 'latitude'],
    variables: ['METAL_LAB_CLOUD'],
    fallback: 'equinixmetal',
  },
  fault: {
    flag: ['get:500 x1', 'get:500 x1'],
    env: ['create:429', 'create:429'],
    variables: ['METAL_LAB_FAULT'],
    fallback: '',
  },
  pace: { flag: ['real', 'real'], env: ['quick', 'quick'], variables: ['METAL_LAB_PACE'], fallback: 'quick' },
  facilities: { flag: ['true', true], env: ['1', true], variables: ['METAL_LAB_FACILITIES'], fallback: false },
  isolate: { flag: ['true', true], env: ['1', true], variables: ['METAL_LAB_ISOLATE'], fallback: false },
  labTls: { flag: ['true', true], env: ['1', true], variables: ['METAL_LAB_TLS'], fallback: false },
  labTlsCert: { flag: ['c1', 'c1'], env: ['c2', 'c2'], variables: ['METAL_LAB_TLS_CERT'], fallback: undefined },
  labTlsKey: { flag: ['k1', 'k1'], env: ['k2', 'k2'], variables: ['METAL_LAB_TLS_KEY'], fallback: undefined },
  labName: { flag: ['one', 'one'], env: ['two-2', 'two-2'], variables: ['METAL_LAB_NAME'], fallback: undefined },
  labPort: {
    flag: [':1', address('', 1)],
    env: [':2', address('', 2)],
    variables: ['METAL_LAB_PORT'],
    fallback: undefined,
  },
  bootPort: { flag: ['8071', 8071], env: ['9071', 9071], variables: ['METAL_RACK_BOOT_PORT'], fallback: 7071 },
  bootTimeout: {
    flag: ['30m', 1_800_000],
    env: ['90s', 90_000],
    variables: ['METAL_RACK_BOOT_TIMEOUT'],
    fallback: 1_200_000,
  },
  insecureHttp: { flag: ['T', true], env: ['Yes', true], variables: ['METAL_RACK_INSECURE_HTTP'], fallback: false },
  sosPort: {
    flag: [':1', address('', 1)],
    env: [':2', address('', 2)],
    variables: ['METAL_LAB_SOS_PORT'],
    fallback: undefined,
  },
  latitudePlan: { flag: ['a', 'a'], env: ['b', 'b'], variables: ['LATITUDESH_PLAN'], fallback: undefined },
  latitudeSite: { flag: ['DAL', 'DAL'], env: ['b', 'b'], variables: ['LATITUDESH_SITE'], fallback: undefined },
  latitudeApiKey: {
    flag: ['t1', 't1'],
    env: ['t2\n', 't2'],
    variables: ['LATITUDESH_AUTH_TOKEN'],
    fallback: undefined,
  },
  latitudeProject: {
    flag: ['proj_1', 'proj_1'],
    env: ['lab', 'lab'],
    variables: ['LATITUDESH_PROJECT'],
    fallback: undefined,
  },
  latitudeApiUrl: {
    flag: ['http://127.0.0.1:1/', 'http://127.0.0.1:1'],
    env: ['http://b', 'http://b'],
    variables: ['LATITUDESH_API_URL'],
    fallback: 'https://api.latitude.sh',
  },
  ociShape: { flag: ['BM.A', 'BM.A'], env: ['b', 'b'], variables: ['METAL_OCI_SHAPE'], fallback: undefined },
  ociAvailabilityDomain: {
    flag: ['Uocm:PHX-AD-1', 'Uocm:PHX-AD-1'],
    env: ['b', 'b'],
    variables: ['METAL_OCI_AVAILABILITY_DOMAIN'],
    fallback: undefined,
  },
  ociCompartment: {
    flag: ['ocid1.compartment.oc1..a', 'ocid1.compartment.oc1..a'],
    env: ['b', 'b'],
    variables: ['METAL_OCI_COMPARTMENT'],
    fallback: undefined,
  },
  ociSubnet: { flag: ['a', 'a'], env: ['b', 'b'], variables: ['METAL_OCI_SUBNET'], fallback: undefined },
  ociImage: { flag: ['a', 'a'], env: ['b', 'b'], variables: ['METAL_OCI_IMAGE'], fallback: undefined },
  ociProfile: { flag: ['a', 'a'], env: ['b', 'b'], variables: ['OCI_CLI_PROFILE'], fallback: undefined },
  ociConfigFile: { flag: ['a', 'a'], env: ['b', 'b'], variables: ['OCI_CLI_CONFIG_FILE'], fallback: undefined },
  ociApiUrl: {
    flag: ['http://a', 'http://a'],
    env: ['http://b', 'http://b'],
    variables: ['METAL_OCI_API_URL'],
    fallback: undefined,
  },
  quiet: { flag: ['true', true], env: ['1', true], variables: ['METAL_QUIET'], fallback: false },
  verbose: { flag: ['2', 2], env: ['1', 1], variables: ['METAL_VERBOSE'], fallback: 0 },
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metalkit-options-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe.each(Object.entries(rows))('%s', (key, row) => {
  const name = Object.keys(flags).find((flag): flag is FlagName => flag === key)
  if (name === undefined) throw new Error(`${key} is no flag`)
  const resolve = async (given: string | undefined, env: Record<string, string>) => {
    const options = await resolveOptions([name], given === undefined ? {} : { [name]: given }, { HOME: folder, ...env })
    return options[name]
  }
  const environment = Object.fromEntries(row.variables.map((variable, i) => [variable, i === 0 ? row.env[0] : 'later']))

  test('flag > environment > metal.yaml > default', async () => {
    const flag: Flag = flags[name]
    const path = join(folder, `${key}.yaml`)
    await writeFile(path, row.config === undefined ? '{}' : `${row.config.key}: ${row.config.text}\n`)
    const METAL_CONFIG = path
    expect(await resolve(row.flag[0], { ...environment, METAL_CONFIG })).toEqual(row.flag[1])
    expect(await resolve(undefined, { ...environment, METAL_CONFIG })).toEqual(row.env[1])
    for (const variable of row.variables) {
      expect(await resolve(undefined, { [variable]: row.env[0], METAL_CONFIG })).toEqual(row.env[1])
      expect(await resolve(undefined, { [variable]: '', METAL_CONFIG })).toEqual(row.config?.value ?? row.fallback)
    }
    expect(await resolve(undefined, { METAL_CONFIG })).toEqual(row.config?.value ?? row.fallback)
    expect(await resolve(undefined, {})).toEqual(row.fallback)
    expect(flag.env).toEqual(row.variables)
  })
})

test('metal.yaml is read from the home folder if METAL_CONFIG is not set', async () => {
  const { mkdir } = await import('node:fs/promises')
  const home = join(folder, 'home')
  await mkdir(join(home, '.config', 'equinix'), { recursive: true })
  await writeFile(join(home, '.config', 'equinix', 'metal.yaml'), 'token: abc\nproject-id: def\norganization-id: 1\n')
  const options = await resolveOptions(['apiKey', 'projectId'], {}, { HOME: home })
  expect(options).toEqual({ apiKey: 'abc', projectId: 'def' })
})

test.each([
  ['missing', undefined, /^the configuration file ".*missing\.yaml" cannot be read: no such file or directory$/],
  ['broken', 'token: [', /^the configuration file ".*broken\.yaml" is not YAML$/],
  ['wrong', 'token: {secret-inside: 1}', /^in the configuration file ".*wrong\.yaml", token is not valid$/],
])('a %s configuration file is refused without quoting it', async (name, text, message) => {
  const path = join(folder, `${name}.yaml`)
  if (text !== undefined) await writeFile(path, text)
  const refused = resolveOptions(['apiKey'], {}, { METAL_CONFIG: path })
  await expect(refused).rejects.toThrow(UsageError)
  await expect(refused).rejects.toThrow(message)
})

const spelled = () => join(folder, 'spelling.yaml')

describe.each([
  ['project_id', 'project-id'],
  ['projectId', 'project-id'],
  ['METAL_PROJECT_ID', 'project-id'],
  ['Project ID', 'project-id'],
  ['api_key', 'token'],
  ['apiToken', 'token'],
  ['METAL_AUTH_TOKEN', 'token'],
  ['METAL_API_TOKEN', 'token'],
  ['auth-token', 'token'],
])('%s in metal.yaml', (key, right) => {
  test(`is reported, with ${right}`, async () => {
    await writeFile(spelled(), `${key}: sesame\norganization-id: 1\n`)
    const refused = resolveOptions(['apiKey'], {}, { METAL_CONFIG: spelled() })
    await expect(refused).rejects.toMatchObject({
      name: 'UsageError',
      message: `the configuration file "${spelled()}" has the unknown key "${key}"`,
      hint: `write it as ${right}`,
    })
  })

  test('is ignored beside the right key', async () => {
    await writeFile(spelled(), `${key}: 1\n${right}: abc\n`)
    const name = right === 'token' ? 'apiKey' : 'projectId'
    expect(await resolveOptions([name], {}, { METAL_CONFIG: spelled() })).toEqual({ [name]: 'abc' })
  })
})

test('keys of metal.yaml are read in any case, as metal-cli reads them', async () => {
  const path = join(folder, 'case.yaml')
  await writeFile(path, 'Token: abc\nPROJECT-ID: def\n')
  const options = await resolveOptions(['apiKey', 'projectId'], {}, { METAL_CONFIG: path })
  expect(options).toEqual({ apiKey: 'abc', projectId: 'def' })
})

test('the source of each value is reported', async () => {
  const path = join(folder, 'sources.yaml')
  await writeFile(path, 'token: abc\n')
  const sources = new Map<FlagName, string>()
  const env = { METAL_CONFIG: path, METAL_API_URL: 'http://a' }
  await resolveOptions(['apiKey', 'apiUrl', 'projectId', 'sos'], { projectId: 'p' }, env, sources)
  expect(Object.fromEntries(sources)).toEqual({
    apiKey: `token in ${path}`,
    apiUrl: 'METAL_API_URL',
    projectId: '--project-id',
  })
})

describe('invalid values', () => {
  test.each<[FlagName, string, string]>([
    ['baseUrl', '', '--base-url "" is empty'],
    [
      'baseUrl',
      'http://a b',
      '--base-url "http://a b" contains white space, which would end the line in the iPXE script',
    ],
    [
      'baseUrl',
      'http://a/\nboot',
      '--base-url "http://a/\\nboot" contains white space, which would end the line in the iPXE script',
    ],
    ['baseUrl', 'ftp://a', '--base-url "ftp://a" is not an http or https URL'],
    ['baseUrl', 'http://', '--base-url "http://" is not an http or https URL'],
    ['timeout', '5x', '--timeout "5x" is not a duration'],
    ['timeout', '0s', '--timeout "0s" is not between 1ms and 24 days'],
    ['serve', 'localhost', '--serve "localhost" is not an address to listen on'],
    ['serve', ':65536', '--serve ":65536" has no valid port'],
    ['sos', 'h:0', '--sos "h:0" has no valid port'],
    ['sos', 'user@h', '--sos "user@h" is not a host'],
    ['keep', 'yeah', '--keep "yeah" is neither true nor false'],
    ['keep', '', '--keep "" is neither true nor false'],
    ['arch', 'arm', '--arch "arm" is not a valid choice'],
    [
      'waitFor',
      '(',
      '--wait-for "(" is not a regular expression (Invalid regular expression: /(/m: Unterminated group)',
    ],
    ['send', 'a\\q', '--send "a\\\\q" contains "\\q", which is not an escape sequence'],
    ['send', 'a\\', '--send "a\\\\" contains "\\", which is not an escape sequence'],
    ['hostKey', 'MD5:00', '--host-key "MD5:00" is not a fingerprint'],
    ['hostKeyPolicy', 'no', '--host-key-policy "no" is not a valid choice'],
    ['hostname', 'my_host', '--hostname "my_host" is not a host name'],
    ['hostname', '-a', '--hostname "-a" is not a host name'],
    ['verbose', 'x', '--verbose "x" is not a verbosity level'],
    ['apiKey', 'a\u0000b', '--api-key contains characters that no token has'],
    ['device', '../users', '--device "../users" is not an id'],
  ])('%s %j', async (name, text, message) => {
    await expect(resolveOptions([name], { [name]: text }, {})).rejects.toMatchObject({ name: 'UsageError', message })
  })

  test('every element of a list is used, in order, and overrides the variable', async () => {
    const env = { METAL_ON: 'z' }
    expect(await resolveOptions(['on'], { on: ['a', 'b'] }, env)).toEqual({ on: [/a/m, /b/m] })
    for (const pattern of ['one\\n# $', 'one\ntwo', '[a\\]]\\n']) {
      const why = 'contains a line end, but each line is searched separately'
      await expect(resolveOptions(['on'], { on: [pattern] }, {})).rejects.toThrow(why)
    }
    for (const pattern of ['[^\\n]+$', 'C:\\\\new', '\\[\\d+]']) {
      expect(await resolveOptions(['on'], { on: [pattern] }, {})).toEqual({ on: [new RegExp(pattern, 'm')] })
    }
    await expect(resolveOptions(['on'], { on: ['a', '('] }, {})).rejects.toThrow('--on "(" is not a regular expression')
  })

  test('the error names the variable that the value came from', async () => {
    await expect(resolveOptions(['timeout'], {}, { METAL_TIMEOUT: 'soon' })).rejects.toThrow(
      'METAL_TIMEOUT "soon" is not a duration',
    )
  })

  test('a missing required value lists every way to set it', () => {
    const hint: unknown = expect.stringMatching(
      /^set --api-key or METAL_API_TOKEN or METAL_AUTH_TOKEN or token in metal\.yaml/,
    )
    for (const given of [undefined, '']) {
      expect(() => requireOption('apiKey', given)).toThrow(
        expect.objectContaining({ name: 'UsageError', message: 'no api-key is given', hint }),
      )
    }
  })
})

test.each([
  [['-serve', ':8080'], ['--serve=:8080']],
  [['--serve', ':8080'], ['--serve=:8080']],
  [['-serve=:8080'], ['--serve=:8080']],
  [
    ['-keep', 'demo'],
    ['--keep=true', 'demo'],
  ],
  [
    ['--console=false', 'demo'],
    ['--console=false', 'demo'],
  ],
  [['-base-url', '-odd'], ['--base-url=-odd']],
  [['-wait-for=a=b'], ['--wait-for=a=b']],
  [
    ['run', '-v', 'x', '-q'],
    ['--verbose=+1', '--quiet=true', 'run', 'x'],
  ],
  [
    ['-on', 'a', '-send=b', '--no-default-failures'],
    ['--on=a', '--send=b', '--no-default-failures=true'],
  ],
  [['-vv'], ['--verbose=2']],
  [['--verbose=2'], ['--verbose=2']],
  [
    ['lab', '-machines', 'qemu', '--', 'echo', '-serve', 'x'],
    ['lab', '--machines=qemu', '--', 'echo', '-serve', 'x'],
  ],
  [
    ['-metor', 'ny'],
    ['--metor', 'ny'],
  ],
  [['-help'], ['--help']],
  [['-h'], ['-h']],
  [['-'], ['-']],
  [['--metro'], ['--metro']],
  [
    ['-serve', '-base-url', 'http://a', 'x'],
    ['--serve', '--base-url=http://a', 'x'],
  ],
])('%j is read as %j', (argv, normal) => {
  expect(normaliseArgs(argv)).toEqual(normal)
})

// Clouds have flags of the same name; the message has the first one's placeholder.
const byName = new Map(
  Object.values<Flag>(flags)
    .toReversed()
    .map((flag) => [flag.name, flag]),
)
const ofValue = [...byName.values()].filter(({ kind }) => kind === 'value' || kind === 'list')

test.each(ofValue.map((flag) => [flag.name, flag] as const))('a missing value of --%s is reported', (name, flag) => {
  const hint = `write --${name}=<${flag.placeholder}>`
  for (const line of [[`-${name}`], [`--${name}`, '--', 'x']]) {
    expect(() => checkValues(line), line.join(' ')).toThrow(
      expect.objectContaining({ message: `--${name} needs a value`, hint }),
    )
  }
  for (const next of ['-metro', '--keep=true', '-q', '--help']) {
    const message = `--${name} needs a value, and "${next.replace('=true', '')}" is a flag`
    expect(() => checkValues([`-${name}`, next, 'x'])).toThrow(expect.objectContaining({ message, hint }))
    checkValues([`-${name}=${next}`, 'x'])
  }
  checkValues([`-${name}`, '-odd', '--', `-${name}`])
})

test('a token that looks like a flag is accepted, and not quoted', () => {
  checkValues(['--api-key', '--secret'])
  expect(() => checkValues(['--metro', '--secret=sesame'])).toThrow(/^--metro needs a value, and "--secret" is a flag$/)
})

const booleans = Object.values<Flag>(flags).filter(({ kind }) => kind === 'boolean')

test.each(booleans.map(({ name }) => name))('a separate value of --%s is reported', (name) => {
  for (const word of ['false', 'True', 'yes', 'NO', 'on', 'off']) {
    expect(() => checkValues([`-${name}`, word, 'x'])).toThrow(
      expect.objectContaining({
        message: `the value of --${name} is a separate word, "${word}", which would be read as an argument`,
        hint: `write --${name}=${word}`,
      }),
    )
  }
  checkValues([`-${name}`, 'linuxkit', 'false'])
  checkValues([`-${name}=false`, 'false'])
})

test('every flag belongs to a command', () => {
  const used = new Set(commands.flatMap((command) => command.flags))
  for (const name of Object.keys(flags)) {
    if (name !== 'quiet' && name !== 'verbose') expect([...used], name).toContain(name)
  }
})
