// The files of --log and --record are complete to the last byte, however the program ends; asciinema itself reads them.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startFakeApi } from '../helpers/api-fake.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import type { Sshd } from '../helpers/sshd.ts'
import { createKeyRing, type KeyRing, startMachine } from './session-bench.ts'
import { until } from './world.ts'

const lines = 5000
/** The output of the machine once a client is attached: lines, a character cut off at the end, and a last word. */
const printed = String.raw`for i in $(seq ${lines}); do printf 'line %d gr\303\274n\n' $i; done
printf '\346\251\n'
echo "the last word"
cat
`

describe('files of a console', needs('sshd', 'ssh-keygen'), () => {
  let ring: KeyRing
  let sshd: Sshd
  let api: Awaited<ReturnType<typeof startFakeApi>>
  let state: string
  let folder: string

  beforeAll(async () => {
    ring = createKeyRing()
    folder = join(ring.folder.path, 'files')
    const script = ring.folder.write('machine.sh', printed)
    sshd = await startMachine(ring, `bash ${script}`)
    api = await startFakeApi(({ path }) => ({
      status: 200,
      json: path.includes('/events') ? { events: [] } : { id: sshd.username, state },
    }))
  })
  afterAll(async () => {
    await api[Symbol.asyncDispose]()
    await sshd[Symbol.asyncDispose]()
    ring[Symbol.dispose]()
  })
  beforeEach(() => {
    state = 'active'
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
  })

  /** Starts the program with both files. */
  function hold(...args: string[]) {
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      METAL_API_URL: api.apiUrl,
      METAL_API_TOKEN: 'sesame',
      METAL_SOS: `${sshd.host}:${sshd.port}`,
      METAL_IDENTITY: ring.user.ed25519.file,
      METAL_KNOWN_HOSTS: ring.folder.write('known', `[${sshd.host}]:${sshd.port} ${ring.hostKey.line}\n`),
    }
    const files = ['--log', join(folder, 'log'), '--record', join(folder, 'cast')]
    const child = spawn(process.execPath, [program, 'console', ...files, ...args, sshd.username], { env })
    const seen = { out: Buffer.alloc(0), err: '' }
    child.stdout.on('data', (bytes: Buffer) => (seen.out = Buffer.concat([seen.out, bytes])))
    child.stderr.on('data', (bytes: Buffer) => (seen.err += bytes.toString()))
    return { child, seen, code: once(child, 'close').then(([code]) => code as unknown) }
  }
  const log = () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log')) : Buffer.alloc(0))

  /** The recording as asciinema replays it in a terminal, which it requires; parsed by hand if asciinema is not installed. */
  function replay(): string {
    const cast = join(folder, 'cast')
    if (needs('asciinema', 'script').skip) {
      const events = readFileSync(cast, 'utf8').trimEnd().split('\n').slice(1)
      return events.map((line) => JSON.parse(line)[2]).join('')
    }
    const replayed = join(folder, 'replayed')
    const env = { ...process.env, LC_ALL: 'C.UTF-8' }
    execFileSync('script', ['-qec', `asciinema cat ${cast} >${replayed}`, '/dev/null'], { env, stdio: 'ignore' })
    return readFileSync(replayed, 'utf8')
  }

  type Held = ReturnType<typeof hold>
  const showsLast = async () => await until(() => log().includes('the last word\n'))
  test.each<[name: string, args: string[], end: (held: Held) => unknown, code: number | null, said: RegExp]>([
    ['a pattern of --wait-for', ['--wait-for', 'last word'], () => {}, 0, /showed every pattern of --wait-for/],
    ['a pattern of --fail-on', ['--fail-on', 'last word'], () => {}, 8, /showed "the last word"/],
    ['--timeout', ['--wait-for', 'never', '--timeout', '5s'], () => {}, 8, /did not show \/never\/m within 5s/],
    ['SIGTERM', [], ({ child }) => child.kill('SIGTERM'), 143, /by SIGTERM/],
    ['SIGHUP', [], ({ child }) => child.kill('SIGHUP'), 129, /by SIGHUP/],
    ['SIGQUIT', [], ({ child }) => child.kill('SIGQUIT'), 131, /by SIGQUIT/],
    ['SIGINT, twice', [], ({ child }) => [child.kill('SIGINT'), child.kill('SIGINT')], 130, /by SIGINT/],
    ['SIGKILL', [], ({ child }) => child.kill('SIGKILL'), null, /^/],
    ['the machine goes off', [], () => (state = 'inactive'), 0, /is powered off/],
  ])('complete after: %s', async (_name, args, end, code, said) => {
    const held = hold(...args)
    // Nothing has ended yet: each chunk is in the file as soon as it arrives.
    await showsLast()
    end(held)
    expect(await held.code, held.seen.err).toBe(code)
    expect(held.seen.err).toMatch(said)
    const kept = log()
    expect(kept.toString('latin1').match(/^line \d+ gr\u00c3\u00bcn$/gm)).toHaveLength(lines)
    expect(kept.toString('latin1')).toMatch(/\nline 5000 gr\u00c3\u00bcn\n\u00e6\u00a9\nthe last word\n$/)
    // A killed program may not have shown everything that it recorded.
    expect(kept.subarray(0, held.seen.out.length).equals(held.seen.out)).toBe(true)
    if (code !== null) expect(held.seen.out.length).toBe(kept.length)
    expect(replay()).toBe(kept.toString())
  })

  test('complete after SIGTERM in the middle of a flood', async () => {
    const held = hold()
    await showsLast()
    held.child.stdin.write('x'.repeat(200_000))
    await until(() => log().includes('xxxx'))
    held.child.kill('SIGTERM')
    expect(await held.code).toBe(143)
    expect(log().equals(held.seen.out)).toBe(true)
    expect(replay()).toBe(log().toString())
  })

  test('complete across a broken connection: the output of the next session follows', async () => {
    const held = hold()
    await showsLast()
    sshd.drop()
    await until(
      () =>
        log()
          .toString()
          .match(/the last word\n/g)?.length === 2,
    )
    expect(held.seen.err).toContain('console: attached again')
    held.child.kill('SIGTERM')
    expect(await held.code).toBe(143)
    expect(
      log()
        .toString()
        .match(/^line \d+ grün$/gm),
    ).toHaveLength(2 * lines)
    expect(log().equals(held.seen.out)).toBe(true)
    expect(replay()).toBe(log().toString())
  })

  test.each(['log', 'record'])('a full disk under --%s ends the console with a clear message', async (flag) => {
    const held = hold(`--${flag}`, '/dev/full')
    expect(await held.code).toBe(7)
    expect(held.seen.err).toMatch(
      new RegExp(
        `^metalkit: console: --${flag} "/dev/full" can no longer be written: no space left on device; free some disk space`,
        'm',
      ),
    )
  })
})
