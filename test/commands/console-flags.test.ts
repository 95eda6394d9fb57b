// Every console flag, on `console` and on `run`: both commands accept all of them.
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/commands/index.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { flags } from '../../src/options/flags.ts'
import { addMachine, publishImage } from '../faults/world.ts'
import { start } from '../helpers/io.ts'
import { attendedMachines, startTestLab, type TestLab } from '../helpers/lab.ts'

let lab: TestLab
let image: Awaited<ReturnType<typeof publishImage>>
let device: string
let folder: string
let fingerprint: string

beforeAll(async () => {
  lab = await startTestLab({ driver: attendedMachines() })
  image = await publishImage()
  device = await addMachine(lab, image.baseUrl)
  folder = await mkdtemp(join(tmpdir(), 'metalkit-flags-'))
  const listed = execFileSync('ssh-keygen', ['-l', '-f', lab.knownHostsPath], { encoding: 'utf8' })
  fingerprint = /SHA256:\S+/.exec(listed)?.[0] ?? ''
})
afterAll(async () => {
  await lab[Symbol.asyncDispose]()
  await image[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const ways = {
  console: () => ['console', device],
  run: () => ['run', 'equinixmetal', '-base-url', image.baseUrl, image.prefix],
}
type Way = keyof typeof ways

interface Outcome {
  code: number
  stdout: string
  stderr: string
  /** The file of a row. */
  file: string
}

/** Flags that make a shell on the console print a line of output. */
const say = (line: string) => ['-on', '# $', '-send', `echo ${line}\\r`]
const good = [...say('good'), '-wait-for', '^good$']

/** The flags, in which FILE stands for the row's file, and the variables to unset; then the expected result. */
interface Row {
  args: string[] | (() => string[])
  without?: string[]
  code: number
  check?: (outcome: Outcome) => unknown
}

const rows: Record<string, Row> = {
  'wait-for': {
    args: good,
    code: 0,
    check: ({ stderr }) => expect(stderr).toContain('showed every pattern of --wait-for'),
  },
  'fail-on': {
    args: [...say('bad'), '-fail-on', '^b.d$'],
    code: 8,
    check: ({ stderr }) => expect(stderr).toMatch(/console: the console showed "bad"/),
  },
  'no-default-failures': {
    args: [...say('Kernel panic - not syncing'), '-no-default-failures', '-wait-for', '^Kernel panic'],
    code: 0,
  },
  on: { args: good, code: 0, check: ({ stdout }) => expect(stdout).toContain('echo good\r\ngood\r\n') },
  send: { args: [...say('one'), ...say('two'), '-wait-for', '^one$', '-wait-for', '^two$'], code: 0 },
  timeout: { args: ['-wait-for', 'never', '-timeout', '2s'], code: 8 },
  log: {
    args: [...good, '-log', 'FILE'],
    code: 0,
    check: async ({ file, stdout }) => expect(await readFile(file, 'utf8')).toBe(stdout),
  },
  record: {
    args: [...good, '-record', 'FILE'],
    code: 0,
    check: async ({ file, stdout }) => {
      const [, ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n')
      expect(lines.map((line) => JSON.parse(line)[2]).join('')).toBe(stdout)
    },
  },
  json: {
    args: [...good, '-json'],
    code: 0,
    check: ({ stdout }) => {
      const events = stdout.trimEnd().split('\n')
      const told = events.map((line) => JSON.parse(line)).filter(({ event }) => event === 'console')
      expect(told.map(({ text }) => text).join('')).toContain('echo good\r\ngood\r\n')
    },
  },
  'api-key': { args: () => [...good, '-api-key', lab.token], without: ['METAL_API_TOKEN'], code: 0 },
  'api-url': { args: () => [...good, '-api-url', lab.apiUrl], without: ['METAL_API_URL'], code: 0 },
  sos: { args: () => [...good, '-sos', `127.0.0.1:${lab.sos.port}`], without: ['METAL_SOS'], code: 0 },
  identity: { args: () => [...good, '-identity', lab.userKeyPath], without: ['METAL_IDENTITY'], code: 0 },
  'known-hosts': {
    args: [...good, '-known-hosts', 'FILE'],
    code: 7,
    check: ({ stderr, file }) => expect(stderr).toContain(`>> ${file}`),
  },
  'host-key-policy': {
    args: [...good, '-known-hosts', 'FILE', '-host-key-policy', 'accept-new'],
    code: 0,
    check: async ({ file }) => expect(await readFile(file, 'utf8')).toContain(' ssh-'),
  },
  'host-key': { args: () => [...good, '-known-hosts', 'FILE', '-host-key', fingerprint], code: 0 },
}

/** Opens a console with one of the commands. It types a return into the machine, so that an idle shell shows its prompt. */
async function hold(way: Way, args: readonly string[], env: Record<string, string>) {
  const { io, code, texts } = start([...ways[way](), ...args], env)
  io.stdin.push('\r')
  io.stdin.push(null)
  return { code: await code, ...texts }
}

describe.each(['console', 'run'] as const)('%s', (way) => {
  const words = way === 'run' ? 'run equinixmetal' : way
  const declared = commands.find((command) => command.words === words)?.flags ?? []

  test('has each of these flags', () => {
    const names = declared.map((flag) => flags[flag].name)
    expect(names).toEqual(expect.arrayContaining(Object.keys(rows)))
    if (way === 'console') expect(Object.keys(rows).toSorted()).toEqual(names.toSorted())
  })

  test.each(Object.entries(rows))('--%s', async (name, { args, without = [], code, check }) => {
    const file = join(folder, `${way}-${name}`)
    const given = (typeof args === 'function' ? args() : args).map((word) => (word === 'FILE' ? file : word))
    const env = Object.fromEntries(Object.entries(labEnvironment(lab)).filter(([key]) => !without.includes(key)))
    const outcome = { ...(await hold(way, given, env)), file }
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(code)
    await check?.(outcome)
  })

  test('on a GitHub runner: a group, and the last lines of a failure as an annotation', async () => {
    const env = { ...labEnvironment(lab), GITHUB_ACTIONS: 'true' }
    const { code, stdout } = await hold(way, [...say('bad'), '-fail-on', '^bad$'], env)
    expect(code).toBe(8)
    expect(stdout).toMatch(/^::group::console of \S+\n::stop-commands::\S+\n/m)
    expect(stdout).toMatch(/\n::endgroup::\n::error title=metalkit::the console showed "bad"%0A.*bad/)
  })
})
