// The rack file: the examples are valid, and each mistake is reported in one line that names its key and quotes no secret.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { describeError, flattenErrors, UsageError } from '../../src/errors.ts'
import { parseRackFile, readRackFile } from '../../src/rack/file/rack-file.ts'
import { readSecret } from '../../src/rack/file/secret.ts'
import { makeFolder } from '../helpers/folder.ts'

const examples = readdirSync('examples').filter((name) => name.startsWith('rack-'))

/** The lines of a file's mistakes. */
function mistakesOf(content: string): string[] {
  try {
    parseRackFile('rack.yaml', content)
    return []
  } catch (error) {
    return flattenErrors(error).map((one) => {
      expect(one).toBeInstanceOf(UsageError)
      return describeError(one).replace('usage: in the rack file "rack.yaml", ', '')
    })
  }
}

const valid = {
  network: { address: '10.0.0.1' },
  plans: { small: { cpu: 'a', memory: '1 GB' } },
  machines: [
    {
      name: 'r1',
      plan: 'small',
      macs: ['52:54:00:aa:00:01'],
      firmware: 'uefi',
      power: { ipmi: '10.0.0.5', user: 'admin', password: { file: 'r1.password' } },
      console: 'sol',
    },
  ],
}

/** The valid file with another value at a path. */
function change(path: string, value: unknown): string {
  const copy: unknown = structuredClone(valid)
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let at: unknown = copy
  for (const key of keys) at = Reflect.get(Object(at), key)
  Reflect.set(Object(at), last, value)
  return stringify(copy)
}

const r1 = valid.machines[0]

/** A machine beside r1, with nothing in common. */
const r2 = {
  ...r1,
  name: 'r2',
  macs: ['52:54:00:aa:00:02'],
  power: { ipmi: '10.0.0.6', user: 'admin', password: { env: 'P' } },
}

/** What no other machine has. */
function unlike(name: string, at: number) {
  return {
    name,
    macs: [`52:54:00:aa:00:0${at}`],
    power: { ipmi: `10.0.0.1${at}`, user: 'admin', password: { env: 'P' } },
  }
}

describe('the examples', () => {
  const parsed = examples.map((name) => parseRackFile(name, readFileSync(join('examples', name), 'utf8')))

  test.each(examples)('%s is valid, as YAML and as JSON', (name) => {
    const content = readFileSync(join('examples', name), 'utf8')
    expect(parseRackFile(name, JSON.stringify(parse(content)))).toEqual(parseRackFile(name, content))
  })

  test('show every kind of power and console', () => {
    const machines = parsed.flatMap((file) => file.machines)
    expect(new Set(machines.map(({ power }) => power?.kind))).toEqual(
      new Set(['by-hand', 'commands', 'ipmi', 'ironic', 'redfish', 'wake', undefined]),
    )
    expect(new Set(machines.map((one) => one.console?.kind))).toEqual(
      new Set(['device', 'ironic', 'sol', 'ssh', 'tcp', undefined]),
    )
  })
})

test('a serial port has a usual speed', () => {
  const file = parseRackFile('rack.yaml', change('machines.0.console', { device: '/dev/ttyUSB0' }))
  expect(file.machines[0]?.console).toEqual({ kind: 'device', path: '/dev/ttyUSB0', speed: 115_200 })
})

test('values have defaults and one form', () => {
  const file = parseRackFile('/etc/rack/rack.yaml', change('machines.0.macs', ['52-54-00-AA-00-01', '525400aa0003']))
  expect(file).toMatchObject({
    folder: '/etc/rack',
    metro: 'home',
    network: { dhcp: 'proxy' },
    machines: [
      {
        macs: ['52:54:00:aa:00:01', '52:54:00:aa:00:03'],
        arch: 'x86_64',
        boot: 'pxe',

        inUse: false,
        power: { kind: 'ipmi', address: { host: '10.0.0.5', port: 623 }, cipher: undefined, efiBootFlag: true },
      },
    ],
  })
})

test('a machine has the wipe of the file, its own, or none', () => {
  const script = 'http://10.0.0.1:8080/wipe.ipxe'
  const machines = [
    r1,
    { ...r2, wipe: false },
    { ...r2, ...unlike('r3', 3), wipe: { script: 'w/own.ipxe', timeout: '90m' } },
  ]
  const file = parseRackFile('/etc/rack/rack.yaml', stringify({ ...valid, wipe: { script }, machines }))
  expect(file.machines.map(({ wipe }) => wipe)).toEqual([
    { script, timeoutMs: 7_200_000 },
    undefined,
    { script: '/etc/rack/w/own.ipxe', timeoutMs: 5_400_000 },
  ])
  expect(parseRackFile('rack.yaml', stringify(valid)).machines[0]?.wipe).toBeUndefined()
})

test.each([
  [true, 'wipe of the machine "r1" must be a section with script and timeout, or false'],
  ['Hush-4711', 'wipe of the machine "r1" must be a section with script and timeout, or false'],
  [{}, 'wipe.script of the machine "r1" is missing: it is the URL or the file of an iPXE script'],
  [{ script: '' }, 'wipe.script of the machine "r1" is "", not the URL or the file of an iPXE script'],
  [{ script: 'ftp://a/b' }, 'wipe.script of the machine "r1" must be an http or https URL, or the path of a file'],
  [{ script: 'http://a/b c' }, 'wipe.script of the machine "r1" must be an http or https URL, or the path of a file'],
  [
    { script: 'http://u:Hush-4711@a/b' },
    'wipe.script of the machine "r1" must not contain a user or a password: machines would show them',
  ],
  [
    { script: 'http://a/b#c' },
    'wipe.script of the machine "r1" cannot be fetched by iPXE: it has a "#", where iPXE ends the URL',
  ],
  ...[7200, '2 hours', '10s', '200h'].map((timeout): [unknown, string] => [
    { script: 'a', timeout },
    `wipe.timeout of the machine "r1" is ${JSON.stringify(timeout)}, not a duration between 1m and 168h, such as 2h`,
  ]),
  [
    { script: 'a', timout: '2h' },
    'wipe of the machine "r1" has the unknown key "timout" (did you mean "timeout"?); the valid keys are script, timeout',
  ],
])('wipe: %j of a machine is a mistake', (wipe, line) => {
  expect(mistakesOf(change('machines.0.wipe', wipe))).toEqual([line])
  const common = mistakesOf(stringify({ ...valid, wipe }))
  expect(common).toEqual([line.replace(' of the machine "r1"', '').replace(', or false', '')])
})

const redfish = { redfish: 'https://10.0.0.5', user: 'u', password: { env: 'P' } }
const ironic = { ironic: 'https://10.0.0.5:6385', node: 'n1', user: 'u', password: { env: 'P' } }

test.each([
  ['network.address', '300.1.1.1', 'network.address is "300.1.1.1", not an IPv4 address such as 192.168.1.10'],
  ...['0.0.0.0', '224.0.0.1', '255.255.255.255'].map((address): [string, unknown, string] => [
    'network.address',
    address,
    `network.address is "${address}", which is not the address of one computer`,
  ]),
  ['network.dhcp', 'yes', 'network.dhcp is "yes", not proxy or none'],
  [
    'network.adress',
    'x',
    'network has the unknown key "adress" (did you mean "address"?); the valid keys are address, dhcp',
  ],
  ['network.a\nb\u001bc', 'x', 'network has the unknown key "a b\\u{1b}c"; the valid keys are address, dhcp'],
  ['machines', [], 'machines must be a list of at least one machine'],
  ['machines.0.name', 'R 1', 'machines[0].name is "R 1", not a host name in small letters, such as r1'],
  ['machines.0.macs', undefined, 'macs of the machine "r1" is missing: it is a list of MAC addresses'],
  [
    'machines.0.macs',
    ['52:54:00:aa:00'],
    'macs[0] of the machine "r1" is "52:54:00:aa:00", not a MAC address such as 52:54:00:12:34:56',
  ],
  [
    'machines.0.macs',
    ['01:00:5e:00:00:01'],
    'macs[0] of the machine "r1" is a multicast address, which no network card has',
  ],
  ['machines.0.macs', ['00-00-00-00-00-00'], 'macs[0] of the machine "r1" has only zeros, as no network card has'],
  ['machines.0.firmware', 'efi', 'firmware of the machine "r1" is "efi", not bios or uefi'],
  [
    'machines.0.fixed',
    { address: '192.168.1.21' },
    'fixed.address of the machine "r1" is "192.168.1.21", not an IPv4 address with the length of its prefix, such as 192.168.1.21/24',
  ],
  ['machines.0.diskBoot', 'disk', 'diskBoot of the machine "r1" is "disk", not nothing or exit or sanboot'],
  ['machines.0.shutdown', 0, 'shutdown of the machine "r1" is 0, not a number of seconds from 1 to 3600'],
  ['machines.0.shutdown', '1m', 'shutdown of the machine "r1" is "1m", not a number of seconds from 1 to 3600'],
  ['machines.0.inUse', 'yes', 'inUse of the machine "r1" is "yes", not true or false'],
  [
    'machines.0.tty',
    'COM1',
    'tty of the machine "r1" is "COM1", not the name of a serial console in Linux, such as ttyS1',
  ],
  [
    'machines.0.power.user',
    undefined,
    'power.user of the machine "r1" is missing: it is the name of a user of the BMC',
  ],
  [
    'machines.0.power.user',
    'ad\nmin',
    'power.user of the machine "r1" is "ad\\nmin", not the name of a user of the BMC',
  ],
  ['machines.0.power.cipher', 0, 'power.cipher of the machine "r1" is 0, not 17, 3 or 8'],
  [
    'machines.0.power.cypher',
    3,
    'power of the machine "r1" has the unknown key "cypher" (did you mean "cipher"?); the valid keys are ipmi, user, password, cipher, efiBootFlag',
  ],
  [
    'machines.0.power.password',
    's3cret',
    'power.password of the machine "r1" must not be written in this file; write {file: PATH} or {env: NAME} instead',
  ],
  [
    'machines.0.power.password',
    123456,
    'power.password of the machine "r1" must not be written in this file; write {file: PATH} or {env: NAME} instead',
  ],
  [
    'machines.0.power.password',
    { value: 's3cret' },
    'power.password of the machine "r1" must be {file: PATH} or {env: NAME}',
  ],
  [
    'machines.0.power',
    'https://admin:s3cret@10.0.0.5',
    'power of the machine "r1" must be a section with one of ipmi, redfish, commands, ironic and wake, or the word by-hand',
  ],
  [
    'machines.0.power.redfish',
    'https://10.0.0.5',
    'power of the machine "r1" must be a section with one of ipmi, redfish, commands, ironic and wake, or the word by-hand',
  ],
  [
    'machines.0.power',
    { ...redfish, redfish: 'https://admin:s3cret@10.0.0.5' },
    'power.redfish of the machine "r1" must not contain a user or a password; write user and password: {file: PATH} beside it',
  ],
  [
    'machines.0.power',
    { ...redfish, redfish: 'http://10.0.0.5' },
    'power.redfish of the machine "r1" must be an https URL: over anything else the password would be sent in the clear',
  ],
  [
    'machines.0.power',
    { ...redfish, certificate: 'ab:cd' },
    'power.certificate of the machine "r1" is "ab:cd", not the SHA-256 of a certificate: 64 hexadecimal digits',
  ],
  [
    'machines.0.power',
    { ...ironic, ironic: 'ironic.example.com' },
    'power.ironic of the machine "r1" is "ironic.example.com", not a URL such as https://ironic.example.com:6385',
  ],
  [
    'machines.0.power',
    { ...ironic, ironic: 'https://u:s3cret@10.0.0.5' },
    'power.ironic of the machine "r1" must not contain a user or a password; write user and password: {file: PATH} beside it',
  ],
  [
    'machines.0.power',
    { ...ironic, ironic: 'http://10.0.0.5:6385' },
    'power of the machine "r1" must name an https URL: over http the login would be sent in the clear; http is accepted for localhost',
  ],
  [
    'machines.0.power',
    { ...ironic, password: undefined },
    'power of the machine "r1" needs both user and password, or neither',
  ],
  [
    'machines.0.power',
    { ...ironic, token: { env: 'T' } },
    'power of the machine "r1" must have a token, or user and password, but not both',
  ],
  [
    'machines.0.power',
    { ...ironic, password: 's3cret' },
    'power.password of the machine "r1" must not be written in this file; write {file: PATH} or {env: NAME} instead',
  ],
  [
    'machines.0.power',
    { ...ironic, node: 'a/b' },
    'power.node of the machine "r1" is "a/b", not the name or UUID of a node in Ironic',
  ],
  [
    'machines.0.console',
    { ssh: 'admin:s3cret@10.0.0.5' },
    'console.ssh of the machine "r1" must not contain a password; write password: {file: PATH} or identity: FILE beside it',
  ],
  [
    'machines.0.console',
    { tcp: '10.0.0.9' },
    'console.tcp of the machine "r1" is "10.0.0.9", not a host and a port such as 10.0.0.9:3001',
  ],
  [
    'machines.0.console',
    { device: '/dev/ttyS0', speed: 7 },
    'console.speed of the machine "r1" is 7, not one of 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000',
  ],
  ['machines.0.plan', 'big', 'plan of the machine "r1" is "big", which is not in plans (small)'],
  ['machines.0.power', undefined, 'power of the machine "r1" is missing: only a machine with inUse: true needs none'],
])('%s: %j', (path, value, line) => {
  const lines = mistakesOf(change(path, value))
  expect(lines).toContain(line)
  expect(lines.join('\n')).not.toContain('s3cret')
})

test.each([
  [{ ...r2, name: 'r1' }, 'the name "r1" appears twice'],
  [{ ...r2, macs: ['52:54:00:AA:00:01'] }, 'the MAC address "52:54:00:aa:00:01" belongs to both "r1" and "r2"'],
  [{ ...r2, power: r1?.power, console: undefined }, 'the BMC "10.0.0.5:623" belongs to both "r1" and "r2"'],
  [
    { ...r2, console: { sol: '10.0.0.5', user: 'u', password: { env: 'P' } } },
    'the console "10.0.0.5:623" belongs to both "r1" and "r2"',
  ],
  [{ ...r2, arch: 'aarch64' }, 'the plan "small" has machines of two architectures: "r1" is x86_64, "r2" aarch64'],
  [
    { ...r2, power: 'by-hand' },
    'console of the machine "r2" is sol, but its power is not ipmi; write console: {sol: HOST, user: ..., password: ...}',
  ],
  [
    { ...r2, boot: 'http' },
    'boot of the machine "r2" is "http", which IPMI cannot express; use pxe, or power: {redfish: ...}',
  ],
  [
    { ...r2, boot: 'media' },
    'boot of the machine "r2" is "media", which only Redfish can insert; use pxe, or power: {redfish: ...}',
  ],
  [
    { ...r2, fixed: { address: '192.168.1.21/24' } },
    'fixed of the machine "r2" has no effect: only a machine with boot: media gets its address from the rack',
  ],
  [
    { ...r2, power: 'by-hand', console: undefined, shutdown: 60 },
    'shutdown of the machine "r2" has no effect: its power cannot ask a system to shut down; remove it, or add softOff to commands',
  ],
])('a second machine %#: %s', (machine, line) => {
  expect(mistakesOf(change('machines', [r1, machine]))).toEqual([line])
})

test.each(['https://10.0.0.5:6385/', 'https://10.0.0.5:6385/v1', 'https://10.0.0.5:6385/v1/'])(
  'an address of Ironic may end as others write it: %s',
  (url) => {
    const content = change('machines', [{ ...r1, console: undefined, power: { ...ironic, ironic: url } }])
    expect(parseRackFile('rack.yaml', content).machines[0]?.power).toMatchObject({
      service: { url: 'https://10.0.0.5:6385' },
    })
  },
)

test('a class of machines stands in the place of a machine, or of the list', () => {
  const one = { ironic: 'http://localhost:6385', user: 'u', password: { env: 'P' }, resourceClass: 'small' }
  const other = { ironic: 'https://10.0.0.5:6385', resourceClass: 'GPU', plan: 'small', firmware: 'bios' }
  const file = parseRackFile('rack.yaml', change('machines', [r1, one, other]))
  expect(file.machines.map(({ name }) => name)).toEqual(['r1'])
  expect(file.fleets).toMatchObject([
    { resourceClass: 'small', plan: 'small', firmware: 'uefi', service: { url: 'http://localhost:6385' } },
    { resourceClass: 'GPU', plan: 'small', firmware: 'bios', service: { login: undefined } },
  ])
  expect(parseRackFile('rack.yaml', change('machines', one)).fleets).toHaveLength(1)
  expect(mistakesOf(change('machines', { ...other, plan: undefined }))).toEqual([
    'machines[0] needs a plan: "GPU" is a resource class of Ironic, but not a slug in small letters',
  ])
  expect(mistakesOf(change('machines', [{ ...one, resourceclass: 'x' }]))).toEqual([
    'machines[0] has the unknown key "resourceclass" (did you mean "resourceClass"?); the valid keys are ironic, user, password, token, certificate, resourceClass, plan, firmware',
  ])
})

test('two machines of one node of Ironic are a mistake', () => {
  const machines = [r1, r2].map((one) => ({ ...one, console: undefined, power: ironic }))
  expect(mistakesOf(change('machines', machines))).toEqual([
    'the node "n1" of Ironic at "https://10.0.0.5:6385" belongs to both "r1" and "r2"',
  ])
})

test('two systems of one Redfish service are two machines', () => {
  const second = { ...r2, console: undefined, power: { ...redfish, system: '2' } }
  expect(
    mistakesOf(change('machines', [{ ...r1, console: undefined, power: { ...redfish, system: '1' } }, second])),
  ).toEqual([])
})

test('a file with several mistakes names them all', () => {
  expect(mistakesOf(change('machines', [{ ...r1, firmware: 'x', macs: 7 }]))).toHaveLength(2)
})

test('a file that is neither YAML nor JSON is refused without being quoted', () => {
  expect(mistakesOf('machines: [\npassword: s3cret: x')[0]).toMatch(
    /^usage: the rack file "rack.yaml" is neither YAML nor JSON: line \d+, column \d+: [a-z ]+; examples/,
  )
  expect(mistakesOf('machines: [\npassword: s3cret: x').join('')).not.toContain('s3cret')
})

test('a password with a tag of YAML is not printed in a warning', async () => {
  const warnings: Error[] = []
  const listen = (warning: Error) => void warnings.push(warning)
  process.on('warning', listen)
  const literal = change('machines.0.power.password', 'LITERAL').replace('LITERAL', '!vault s3cret')
  expect(literal).toContain('password: !vault s3cret')
  expect(mistakesOf(literal).join('')).toContain('must not be written in this file')
  // Warnings are emitted in the next tick.
  await setImmediate()
  process.off('warning', listen)
  expect(warnings).toEqual([])
})

test('a missing file', async () => {
  await expect(readRackFile('/nowhere/rack.yaml')).rejects.toThrow(
    'the rack file "/nowhere/rack.yaml" cannot be read: no such file or directory',
  )
})

test('secrets are read from files and variables', async () => {
  using folder = makeFolder()
  folder.write('good', 'pass word\n')
  folder.write('empty', '\n')
  folder.write('two', 'a\nb\n')
  const sources = { folder: folder.path, env: { SET: 's3cret', EMPTY: '' } }
  const read = (secret: Parameters<typeof readSecret>[0]) => readSecret(secret, 'the BMC password of "r1"', sources)
  expect(await read({ file: 'good' })).toBe('pass word')
  expect(await read({ file: join(folder.path, 'good') })).toBe('pass word')
  expect(await read({ env: 'SET' })).toBe('s3cret')
  await expect(read({ env: 'UNSET' })).rejects.toThrow(
    'the BMC password of "r1" is missing: the variable UNSET is not set',
  )
  await expect(read({ env: 'EMPTY' })).rejects.toThrow('the variable EMPTY is empty')
  await expect(read({ file: 'empty' })).rejects.toThrow('is empty')
  await expect(read({ file: 'two' })).rejects.toThrow('has more than one line')
  await expect(read({ file: 'none' })).rejects.toThrow('no such file or directory')
})
