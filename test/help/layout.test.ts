import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { run } from '../../src/cli.ts'
import { commands } from '../../src/commands/index.ts'
import { exitStatus } from '../../src/help/exit-codes.ts'
import { termOf } from '../../src/help/layout.ts'
import { createReporter, type Output } from '../../src/io.ts'
import { type FlagName, flags, groups } from '../../src/options/flags.ts'
import { runToEnd, start } from '../helpers/io.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'

const names = Object.keys(flags).filter((name): name is FlagName => name in flags)
const pages = ['', ...commands.map(({ words }) => words)]

test('no flag is declared in two files of src/options/flags', () => {
  const grouped = groups.flatMap((group) => group.names)
  expect(new Set(grouped).size).toBe(grouped.length)
  expect(new Set(grouped)).toEqual(new Set(names))
})

test('each command has at least two examples that a shell can run', () => {
  for (const { words, examples } of commands) {
    expect([words, examples.length >= 2]).toEqual([words, true])
    for (const example of examples) expect(example).toMatch(/(^|"\$\()metalkit /)
  }
})

describe.each(pages)('the help of "%s"', (words) => {
  const argv = [...words.split(' ').filter((word) => word !== ''), '--help']

  test.each([40, 80, 120])('fits %i columns, except for text to be copied', async (columns) => {
    const { stdout } = await runToEnd(argv, { COLUMNS: String(columns) })
    const tooLong = stdout.split('\n').filter((line) => line.length > columns && !/^ {2}\$|^ *\S+$|^Usage:/.test(line))
    expect(tooLong).toEqual([])
  })

  test('is ASCII, without colours, in any locale', async () => {
    const { stdout } = await runToEnd(argv, { FORCE_COLOR: '1', LC_ALL: 'tr_TR.UTF-8' })
    expect(stdout).toMatch(/^[\n\x20-\x7e]*$/)
    expect((await runToEnd(argv, { NO_COLOR: '1', TERM: 'dumb' })).stdout).toBe(stdout)
  })
})

test.each(['stdout', 'stderr'] as const)('help fits the width of a terminal at %s', async (name) => {
  let seen = ''
  const stdout: Output = new PassThrough()
  stdout.on('data', (chunk) => (seen += String(chunk)))
  const io = { ...start(['--version']).io, stdout }
  await run(['serve', '--help'], { ...io, [name]: Object.assign(io[name], { isTTY: true, columns: 50 }) })
  await expect.poll(() => seen).toContain('Examples:')
  const lines = seen.split('\n').filter((line) => !line.startsWith('  $'))
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(50)
})

test.each([
  [false, '\r\u001b[Kbooting\r\u001b[Kdone\nbooting'],
  [true, 'booting\ndone\n'],
])('progress is printed as lines if lines cannot be rewritten (%s)', (plain, text) => {
  let seen = ''
  const stderr: Output = Object.assign(new PassThrough(), { isTTY: true })
  stderr.on('data', (chunk) => (seen += String(chunk)))
  const report = createReporter({ stderr, verbosity: 0, plain })
  report.progress('booting')
  report.info('done')
  stderr.end()
  return new Promise<void>((resolve) => stderr.once('end', resolve)).then(() => expect(seen).toBe(text))
})

test.each([
  [true, true, 'tick\n\r\ntock\ntack\nlast\n'],
  [false, true, 'tick\n\ntock\ntack\nlast\n'],
  [true, false, 'tick\ntock\ntack\nlast\n'],
])(
  'a message starts on a new line after console output (terminal %s, same as stdout %s)',
  (isTTY, outputsMeet, text) => {
    let seen = ''
    const stderr: Output = Object.assign(new PassThrough(), { isTTY })
    stderr.on('data', (chunk) => (seen += String(chunk)))
    const report = createReporter({ stderr, verbosity: 0, outputsMeet })
    report.info('tick')
    report.overhear(Buffer.from('half a line'))
    report.info('tock')
    report.info('tack')
    report.overhear(Buffer.from('whole\r\n'))
    report.info('last')
    stderr.end()
    return new Promise<void>((resolve) => stderr.once('end', resolve)).then(() => expect(seen).toBe(text))
  },
)

describe('the manual page', () => {
  test('has every command, flag, variable and exit code', async () => {
    const { code, stdout } = await runToEnd(['man'], { SOURCE_DATE_EPOCH: '86400' })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\.TH METALKIT 1 "1970-01-02" "metalkit \d/)
    const text = stdout.replaceAll('\\-', '-').replaceAll('\\e', '\\')
    for (const name of names) {
      expect(text).toContain(`\n.B ${termOf(name)}\n`)
      for (const variable of flags[name].env) expect(text).toContain(variable)
    }
    for (const { words, examples } of commands) {
      expect(text).toContain(`.SS "metalkit ${words}`)
      for (const example of examples) expect(text).toContain(`\n${example}\n`)
    }
    for (const [number, meaning] of exitStatus) expect(text).toContain(`\n.B ${number}\n${meaning}\n`)
  })

  test.each([
    ['mandoc', ['-Tlint', '-W', 'warning']],
    ['groff', ['-man', '-ww', '-Tutf8']],
  ])('%s has no complaints', needs('mandoc', 'groff'), (judge, args) => {
    const page = spawnSync(process.execPath, [program, 'man'], { encoding: 'utf8' }).stdout
    const { status, stdout, stderr } = spawnSync(judge, args, { input: page, encoding: 'utf8' })
    expect([status, stderr, judge === 'mandoc' ? stdout : '']).toEqual([0, '', ''])
  })
})

test.each(['README.md', 'docs/exit-codes.md'])('%s has the same table of exit codes', (file) => {
  const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8').replaceAll(/[*`]/g, '')
  for (const [code, meaning] of exitStatus) expect(text).toContain(`| ${code} | ${meaning} |`)
})

test('progress is not drawn over a question, and comes back after it', async () => {
  let text = ''
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  stderr.on('data', (chunk) => (text += String(chunk)))
  const report = createReporter({ stderr, verbosity: 0 })
  report.progress('booting 1s')
  {
    using _held = report.hold()
    stderr.write('Continue? ')
    report.progress('booting 2s')
    report.info('a line')
  }
  report.progress('')
  await expect.poll(() => text).toBe('\r\u001b[Kbooting 1s\r\u001b[KContinue? a line\n\r\u001b[Kbooting 2s\r\u001b[K')
})
