import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { makeImage } from '../helpers/image.ts'
import { start } from '../helpers/io.ts'
import { startTestLab, type TestLab, waitForState } from '../helpers/lab.ts'
import { nowhere } from '../helpers/nowhere.ts'

let lab: TestLab
let image: Awaited<ReturnType<typeof makeImage>>
let folder: string
let device: string

beforeAll(async () => {
  lab = await startTestLab()
  image = await makeImage()
  folder = await mkdtemp(join(tmpdir(), 'metalkit-console-'))
  const args = ['-serve', '127.0.0.1:18390', '-base-url', 'http://127.0.0.1:18390', '-keep', '-wait-for', 'is up']
  const { code, texts } = start(['run', 'equinixmetal', ...args, image.prefix], labEnvironment(lab))
  expect(await code, texts.stderr).toBe(0)
  device = /Device ID: (\S+)/.exec(texts.stderr)?.[1] ?? ''
})
afterAll(async () => {
  await lab[Symbol.asyncDispose]()
  await image[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** Opens the console of the machine, which runs a shell. */
function hold(args: readonly string[], env: Record<string, string> = {}) {
  return start(['console', ...args, device], { ...labEnvironment(lab), ...env })
}

describe('a console in CI', () => {
  test('a dialogue, several patterns, and both recordings, complete', async () => {
    const [log, cast] = [join(folder, 'a.log'), join(folder, 'a.cast')]
    const dialogue = ['-on', '# $', '-send', 'echo one\\r', '-on', '^# $', '-send', 'echo two\\r']
    const patterns = ['-wait-for', '^one$', '-wait-for', '^two$', '-timeout', '20s']
    const { io, code, texts } = hold([...dialogue, ...patterns, '-log', log, '-record', cast])
    io.stdin.push('\r')
    expect(await code, texts.stdout + texts.stderr).toBe(0)
    expect(texts.stdout).toMatch(/echo one\r\none\r\n# echo two\r\ntwo\r\n/)
    expect(await readFile(log, 'utf8')).toBe(texts.stdout)
    const [, ...lines] = (await readFile(cast, 'utf8')).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line)[2]).join('')).toBe(texts.stdout)
    expect(texts.stderr).toContain('The console showed every pattern of --wait-for.')
  })

  test('input from a pipe is typed into the machine, and its end does not end the session', async () => {
    const { io, code, texts } = hold(['-wait-for', '^three$', '-timeout', '20s'])
    io.stdin.push('echo th')
    io.stdin.push('ree\r')
    io.stdin.push(null)
    expect(await code, texts.stderr).toBe(0)
  })

  test.each([
    [
      'a pattern of --fail-on',
      ['-fail-on', '^b.d$'],
      'echo bad\r',
      8,
      /console: the console showed "bad"; \/\^b\.d\$\/m/,
    ],
    ['a known failure', [], 'echo Kernel panic - not syncing\r', 8, /showed ".*Kernel panic - not syncing"; /],
    [
      'not with --no-default-failures',
      ['-no-default-failures', '-wait-for', 'done'],
      'echo Kernel panic - not syncing\recho done\r',
      0,
      /showed every pattern of --wait-for/,
    ],
    [
      'a pattern that does not appear in time',
      ['-wait-for', 'never', '-timeout', '1s'],
      '',
      8,
      /did not show \/never\/m within 1s/,
    ],
    [
      'a session without a pattern, when the time is over',
      ['-timeout', '1s'],
      '',
      6,
      /the session did not end within 1s;/,
    ],
  ])('%s', async (_name, args, typed, expected, line) => {
    const { io, code, texts } = hold(args)
    io.stdin.push(typed)
    expect(await code, texts.stderr).toBe(expected)
    expect(texts.stderr).toMatch(line)
  })

  test('with --json stdout has only events', async () => {
    const { io, code, texts } = hold(['-json', '-wait-for', 'gr.n', '-timeout', '20s'])
    io.stdin.push('echo grün\r')
    expect(await code, texts.stderr).toBe(0)
    const events = texts.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const told = events.filter(({ event }) => event === 'console').map(({ text }) => text)
    expect(told.join('')).toContain('echo grün\r\ngrün\r\n')
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'console-attached', id: device, port: lab.sos.port }),
    )
    const matched = events.findIndex(({ event }) => event === 'matched')
    expect(events[matched]).toMatchObject({ pattern: 'gr.n' })
    // Each event comes before its consequences.
    const before = events.slice(0, matched).filter(({ event }) => event === 'console')
    expect(before.map(({ text }) => text).join('')).toContain('grün')
  })

  test('on a GitHub runner: output is folded, its text cannot issue commands, a failure is annotated', async () => {
    const { io, code, texts } = hold(['-fail-on', '^no%$'], { GITHUB_ACTIONS: 'true' })
    io.stdin.push('echo ::set-env name=A::b\recho no%\r')
    expect(await code).toBe(8)
    const token = /^::group::console of (\S+)\n::stop-commands::(\S+)\n/.exec(texts.stdout)
    expect(token?.[1]).toBe(device)
    const after = texts.stdout.slice(texts.stdout.indexOf(`\n::${token?.[2]}::\n`))
    expect(after).toMatch(
      /^\n::\S+::\n::endgroup::\n::error title=metalkit::the console showed "no%25"%0A.*%0Ano%25(%0A#)?\n$/,
    )
    expect(texts.stdout.indexOf('::set-env')).toBeLessThan(texts.stdout.indexOf('::endgroup::'))
  })

  test('--on without --send, and files that cannot be created, are refused at once', async () => {
    const lonely = hold(['-on', 'x'])
    expect(await lonely.code).toBe(2)
    expect(lonely.texts.stderr).toMatch(
      /^metalkit: usage: --on and --send differ in number \(1 and 0\); pass them in pairs/,
    )
    const unwritable = hold(['-log', `${nowhere}/log`])
    expect(await unwritable.code).toBe(2)
  })
})

describe('trust', () => {
  test('an unknown host is refused without a terminal, unless its key is pinned or new keys are accepted', async () => {
    const file = join(folder, 'known_hosts')
    const env = { METAL_KNOWN_HOSTS: file }
    const wait = ['-wait-for', 'SOS Session', '-timeout', '20s']
    const refused = hold(wait, env)
    expect(await refused.code).toBe(7)
    const fingerprint = /or --host-key (SHA256:\S+)/.exec(refused.texts.stderr)?.[1] ?? ''
    const named = hold([...wait, '-host-key', fingerprint], env)
    expect(await named.code, named.texts.stderr).toBe(0)
    const wrong = hold([...wait, '-host-key', `SHA256:${'a'.repeat(43)}`], env)
    expect(await wrong.code).toBe(7)
    const accepted = hold([...wait, '-host-key-policy', 'accept-new'], env)
    expect(await accepted.code, accepted.texts.stderr).toBe(0)
    const known = hold(wait, env)
    expect(await known.code, known.texts.stderr).toBe(0)
  })

  test('a project without any of our keys is an error before anything is rented', async () => {
    const { execFileSync } = await import('node:child_process')
    const stranger = join(folder, 'stranger')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger])
    const before = lab.lines.length
    const args = ['-serve', '127.0.0.1:18391', '-base-url', 'http://127.0.0.1:18391', '-identity', stranger]
    const { code, texts } = start(['run', 'equinixmetal', ...args, image.prefix], labEnvironment(lab))
    expect(await code).toBe(7)
    expect(texts.stderr).toMatch(
      /the project has none of your SSH keys, .*stranger \(ssh-ed25519 SHA256:\S+\); add one/,
    )
    expect(lab.lines.slice(before).filter((line) => /POST .*devices/.test(line))).toEqual([])
  })
})

test('a machine that goes off ends the console by itself', async () => {
  const { io, code, texts } = hold([])
  await expect.poll(() => texts.stdout, { timeout: 10_000 }).toContain('SOS Session')
  io.stdin.push('poweroff\r')
  expect(await code, texts.stderr).toBe(0)
  expect(texts.stderr).toContain('is powered off.')
  await lab.call('POST', `/devices/${device}/actions`, { type: 'power_on' })
  await waitForState(lab, device, 'active')
})
