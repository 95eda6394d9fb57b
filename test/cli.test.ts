import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { commands } from '../src/commands/index.ts'
import type { Flag } from '../src/options/flags/flag.ts'
import { flags } from '../src/options/flags.ts'
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

  test('without arguments, -h, -help and --help are the same page', async () => {
    const pages = await Promise.all([[], ['-h'], ['-help'], ['--help']].map((argv) => runToEnd(argv)))
    expect(new Set(pages.map((page) => page.stdout)).size).toBe(1)
    expect(pages[0]?.stdout).toContain('Usage: metalkit')
  })

  test('what stands after -- asks for no help, be it another command line or a folder', async () => {
    const folder = await runToEnd(['serve', '--', '-h'])
    expect([folder.code, folder.stdout]).toEqual([5, ''])
    expect(folder.stderr).toContain('-h')
    const words = await runToEnd(['completion', '--', 'serve', '--help'])
    expect([words.code, words.stdout]).toEqual([0, expect.stringContaining('--help\t')])
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
    [['pus'], 'metalkit: usage: unknown command "pus"; did you mean push?\n'],
    [
      ['run', 'equinixmetal'],
      'metalkit: usage: missing required argument "name"; see metalkit run equinixmetal --help\n',
    ],
    [['run', 'x'], 'metalkit: usage: unknown command "x"; see metalkit --help\n'],
    [
      ['run', 'equinixmetal', 'a', 'b'],
      'metalkit: usage: too many arguments for "equinixmetal". Expected 1 argument but got 2.; see metalkit run equinixmetal --help\n',
    ],
    [
      ['run', 'equinixmetal', 'a', '--metro'],
      'metalkit: usage: option "--metro <code>" argument missing; see metalkit run equinixmetal --help\n',
    ],
    [
      ['run', 'equinixmetal', 'a', '--keep=maybe'],
      'metalkit: usage: --keep "maybe" is neither true nor false; write true or false\n',
    ],
    [
      ['run', 'equinixmetal', 'a', '-console=false'],
      'metalkit: usage: keep=false and console=false together make little sense: the machine would be deleted at once; give --keep, or leave the console on\n',
    ],
    [
      ['run', 'equinixmetal', 'a'],
      'metalkit: usage: no base-url is given; set --base-url or METAL_BASE_URL (URL that machines fetch kernel, initrd and iPXE script from)\n',
    ],
  ])('%j', async (argv, stderr) => {
    expect(await runToEnd(argv)).toEqual({ code: 2, stdout: '', stderr })
  })

  test('a command group without its command shows what there is', async () => {
    const { code, stdout, stderr } = await runToEnd(['run'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('equinixmetal')
  })
})

describe('the program as it is run', () => {
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
