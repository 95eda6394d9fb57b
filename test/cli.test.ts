import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { commands } from '../src/commands/index.ts'
import type { Flag } from '../src/options/flags/flag.ts'
import { flags } from '../src/options/flags.ts'
import { habits } from '../src/options/mistake.ts'
import { startFakeApi } from './helpers/api-fake.ts'
import { runToEnd } from './helpers/io.ts'
import { program } from './helpers/program.ts'

describe('help', () => {
  test.each(commands.map((command) => [command.words, command] as const))(
    '%s shows each flag, its variables and default',
    async (words, command) => {
      const { code, stdout, stderr } = await runToEnd([...words.split(' '), '--help'])
      expect([code, stderr]).toEqual([0, ''])
      const flat = stdout.replaceAll(/\s+/g, ' ')
      for (const name of command.flags) {
        const flag: Flag = flags[name]
        expect(flat).toContain(`--${flag.name}`)
        for (const variable of flag.env) expect(flat).toContain(variable)
        if (flag.fallback ?? flag.computed) expect(flat).toContain(`default ${flag.computed ?? flag.fallback}`)
      }
      for (const example of command.examples) expect(stdout).toContain(`$ ${example}`)
    },
  )

  test('no arguments, -h, -help and --help print the same page', async () => {
    const pages = await Promise.all([[], ['-h'], ['-help'], ['--help']].map((argv) => runToEnd(argv)))
    expect(new Set(pages.map((page) => page.stdout)).size).toBe(1)
    expect(pages[0]?.stdout).toContain('Usage: metalkit')
  })

  test('words after -- are not help flags, in another command line or as a folder', async () => {
    const folder = await runToEnd(['serve', '--', '-h'])
    expect([folder.code, folder.stdout]).toEqual([5, ''])
    expect(folder.stderr).toContain('-h')
    const words = await runToEnd(['completion', '--', 'serve', '--help'])
    expect([words.code, words.stdout]).toEqual([0, expect.stringContaining('--help\t')])
  })

  test('the word help prints the page of --help', async () => {
    for (const words of [
      [],
      ['run'],
      ['run', 'equinixmetal'],
      ['lab'],
      ['lab', 'stop'],
      ['ls'],
      ['help'],
      ['version'],
    ]) {
      expect(await runToEnd(['help', ...words]), words.join(' ')).toEqual(await runToEnd([...words, '--help']))
    }
  })

  test('the word version', async () => {
    expect(await runToEnd(['version'])).toEqual(await runToEnd(['--version']))
  })

  test('--version', async () => {
    expect(await runToEnd(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' })
  })
})

describe('mistakes are one line and exit code 2', () => {
  test.each([
    [['serve', '--prt', '80'], 'metalkit: usage: unknown option "--prt"; did you mean --port?\n'],
    [
      ['run', 'equinixmetal', '-metor', 'ny', 'x'],
      'metalkit: usage: unknown option "--metor"; did you mean --metro?\n',
    ],
    [['pus'], 'metalkit: usage: unknown command "pus"; did you mean metalkit push?\n'],
    [
      ['run', 'equinixmetal'],
      'metalkit: usage: missing required argument "name"; see metalkit run equinixmetal --help\n',
    ],
    [['run', 'x'], 'metalkit: usage: unknown command "run x"; did you mean metalkit run equinixmetal x?\n'],
    [
      ['run', 'equinix', 'a b'],
      `metalkit: usage: unknown command "run equinix"; did you mean metalkit run equinixmetal 'a b'?\n`,
    ],
    [['logs'], 'metalkit: usage: unknown command "logs"; did you mean metalkit lab logs?\n'],
    [['nonsense'], 'metalkit: usage: unknown command "nonsense"; see metalkit --help\n'],
    [['help', 'nonsense'], 'metalkit: usage: unknown command "nonsense"; see metalkit --help\n'],
    [['help', 'pusj'], 'metalkit: usage: unknown command "pusj"; did you mean metalkit push?\n'],
    [['help', 'run', 'x'], 'metalkit: usage: unknown command "run x"; did you mean metalkit run equinixmetal x?\n'],
    [['help', 'lab', 'sttop'], 'metalkit: usage: lab does not know "sttop"; did you mean metalkit lab stop?\n'],
    [['help', 'ls', 'x'], 'metalkit: usage: ls takes no arguments, and "x" is one too many; see metalkit ls --help\n'],
    [
      ['push', 'x', 'equinixmetal'],
      'metalkit: usage: unknown command "push x"; did you mean metalkit push equinixmetal x?\n',
    ],
    [
      ['serve', ':8080'],
      'metalkit: usage: the folder ":8080" does not exist, but looks like an address; to listen there, write metalkit serve --port :8080\n',
    ],
    [['-V'], 'metalkit: usage: unknown option "-V"; did you mean --version?\n'],
    [['--versoin'], 'metalkit: usage: unknown option "--versoin"; did you mean --version?\n'],
    [['lab', 'start'], 'metalkit: usage: lab does not know "start"; did you mean metalkit lab?\n'],
    [['lab', 'sttop'], 'metalkit: usage: lab does not know "sttop"; did you mean metalkit lab stop?\n'],
    [['lab', 'help'], 'metalkit: usage: lab does not know "help"; see metalkit lab --help\n'],
    [
      ['version', 'x'],
      'metalkit: usage: version takes no arguments, and "x" is one too many; see metalkit version --help\n',
    ],
    [
      ['run', 'equinixmetal', '-no-console', 'x'],
      'metalkit: usage: unknown option "--no-console"; write --console=false\n',
    ],
    [['run', 'equinixmetal', '--no-keep', 'x'], 'metalkit: usage: unknown option "--no-keep"; write --keep=false\n'],
    [
      ['run', 'equinixmetal', '-no-timeout', 'x'],
      'metalkit: usage: unknown option "--no-timeout"; --timeout takes a value; omit it instead\n',
    ],
    [
      ['run', 'equinixmetal', '-console', 'false', 'x'],
      'metalkit: usage: the value of --console is a separate word, "false", which would be read as an argument; write --console=false\n',
    ],
    [
      ['run', 'equinixmetal', '-serve', '-base-url', 'http://192.0.2.1', 'x'],
      'metalkit: usage: --serve needs a value, and "-base-url" is a flag; write --serve=<address>\n',
    ],
    [
      ['lab', '--machine', 'simulated'],
      'metalkit: usage: lab does not take --machine; did you mean --machines? metalkit run equinixmetal, metalkit doctor do; see metalkit lab --help\n',
    ],
    [
      ['ls', '--keep'],
      'metalkit: usage: ls does not take --keep; metalkit run equinixmetal, metalkit doctor do; see metalkit ls --help\n',
    ],
    [
      ['--endpoint', 'http://a'],
      'metalkit: usage: --endpoint needs a command; it is a flag of metalkit push equinixmetal\n',
    ],
    [
      ['run', 'equinixmetal', 'a', 'b'],
      'metalkit: usage: run equinixmetal takes 1 argument, and "b" is one too many; see metalkit run equinixmetal --help\n',
    ],
    [['run', 'equinixmetal', 'a', '--metro'], 'metalkit: usage: --metro needs a value; write --metro=<code>\n'],
    [
      ['run', 'equinixmetal', 'a', '--keep=maybe'],
      'metalkit: usage: --keep "maybe" is neither true nor false; write true or false\n',
    ],
    [
      ['run', 'equinixmetal', 'a', '-console=false'],
      'metalkit: usage: keep=false and console=false together make little sense: the machine would be deleted at once; use --keep, or keep the console on\n',
    ],
    [
      ['run', 'equinixmetal', 'a'],
      expect.stringMatching(
        /^metalkit: usage: no api-key is given; to try metalkit without an account, start a cloud on this computer: metalkit lab; otherwise set --api-key/,
      ),
    ],
  ])('%j', async (argv, stderr) => {
    expect(await runToEnd(argv)).toEqual({ code: 2, stdout: '', stderr })
  })

  test.each([
    [['-json', 'run', 'equinixmetal', '-metro', 'ny', 'x']],
    [['run', '-json', 'equinixmetal', '-metro', 'ny', 'x']],
    [['run', 'equinixmetal', 'x', '-json', '-metro', 'ny']],
  ])('flags may stand before and between the words of a command: %j', async (argv) => {
    const { code, stdout, stderr } = await runToEnd(argv)
    expect([code, stderr]).toEqual([2, expect.stringContaining('no api-key is given')])
    expect(JSON.parse(stdout)).toMatchObject({ message: 'no api-key is given' })
  })

  test('a help flag works even if arguments are missing before it', async () => {
    const { code, stdout } = await runToEnd(['run', 'equinixmetal', '-serve', '--help'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('Usage: metalkit run equinixmetal')])
  })

  test.each(Object.entries(habits))('%s, a word of other programs, leads to %s', async (word, words) => {
    expect(commands.map((command) => command.words)).toContain(words)
    expect(commands.map((command) => command.words)).not.toContain(word)
    const { code, stderr } = await runToEnd(word.split(' '))
    expect([code, stderr]).toEqual([2, expect.stringContaining(`did you mean metalkit ${words}?`)])
  })

  test('a command group without a command lists its commands', async () => {
    const { code, stdout, stderr } = await runToEnd(['run'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('equinixmetal')
  })
})

describe('the built program', () => {
  test('a token given as a flag is not in the process list', async () => {
    await using api = await startFakeApi(() => () => {})
    const args = ['ls', '-api-key', 'sesame', '-project-id', 'p', '-api-url', api.apiUrl]
    const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
    try {
      await expect.poll(() => api.all.length, { timeout: 10_000 }).toBe(1)
      const list = execFileSync('ps', ['-o', 'args=', '-p', String(child.pid)], { encoding: 'utf8' })
      expect(list).toContain('metalkit')
      expect(list + readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain('sesame')
    } finally {
      child.kill('SIGKILL')
    }
  })
})
