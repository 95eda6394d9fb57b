import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Identities, loadIdentities } from '../../src/console/identities.ts'
import { attachConsole, type AttachConsoleOptions } from '../../src/console/session.ts'
import { ConsoleError, describeError } from '../../src/errors.ts'
import type { Input } from '../../src/io.ts'
import { needs } from '../helpers/needs.ts'
import { type KeyKind, makeFolder, makeKey, startSshd, type TestFolder, type TestKey } from '../helpers/sshd.ts'
import { type SosBehaviour, startSosFake } from '../helpers/sos-fake.ts'
import { createKeyboard, createLog, createScreen, trust, until } from './world.ts'

async function messageOf(ending: Promise<unknown>): Promise<string> {
  const error: unknown = await ending.then(String, (reason: unknown) => reason)
  expect(error).toBeInstanceOf(ConsoleError)
  return describeError(error)
}

describe('console session', needs('sshd', 'ssh-keygen', 'ssh-agent', 'ssh-add'), () => {
  let folder: TestFolder
  let hostKey: TestKey
  let user: Record<KeyKind, TestKey>
  let stranger: TestKey
  let identities: Identities

  beforeAll(async () => {
    folder = makeFolder()
    hostKey = makeKey(folder.path, 'host', 'ed25519')
    user = {
      ed25519: makeKey(folder.path, 'user-ed25519', 'ed25519'),
      ecdsa: makeKey(folder.path, 'user-ecdsa', 'ecdsa'),
      rsa: makeKey(folder.path, 'user-rsa', 'rsa'),
    }
    stranger = makeKey(folder.path, 'stranger', 'ed25519')
    identities = await load(user.ed25519)
  })
  afterAll(() => folder[Symbol.dispose]())

  async function load(...keys: TestKey[]): Promise<Identities> {
    const { report } = createLog()
    const loaded = keys.map(({ file }) => loadIdentities({ identityFile: file, home: folder.path, report }))
    return { keys: (await Promise.all(loaded)).flatMap((one) => one.keys) }
  }

  /** A session under way, with all that can be done to it and seen of it. */
  function attach<I extends Input>(
    place: { host: string; port: number; username?: string },
    stdin: I,
    options: Partial<AttachConsoleOptions> = {},
  ) {
    const screen = createScreen()
    const log = createLog()
    const controller = new AbortController()
    const ending = attachConsole({
      address: place,
      username: place.username ?? 'device',
      knownHosts: trust(place, hostKey),
      identities,
      stdin,
      stdout: screen,
      report: log.report,
      connectTimeoutMs: 1000,
      signal: controller.signal,
      ...options,
    })
    // A test looks at it when it has done its part; until then a failure must not count as unhandled.
    ending.catch(() => {})
    return { ending, stdin, screen, log, abort: (reason: Error) => controller.abort(reason) }
  }

  const startMachine = (command: string) =>
    startSshd(folder, { hostKeys: [hostKey], authorized: Object.values(user), command })

  test('a pipe: its bytes are typed, its end ends nothing, an abort does', async () => {
    await using sshd = await startMachine('echo tty: $(tty); cat')
    const { ending, stdin, screen, log, abort } = attach(sshd, new PassThrough())
    stdin.end('hello\n~.\n')
    await until(() => screen.text().includes('~.\n'))
    expect(screen.text()).toBe('tty: not a tty\nhello\n~.\n')
    const state = await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, 200, 'goes on'))])
    expect(state).toBe('goes on')
    expect(log.text()).not.toContain('~.')
    abort(new Error('that is it'))
    await expect(ending).rejects.toThrow('that is it')
  })

  test('stdin is not read before the line is open, and not any more after', async () => {
    await using sos = await startSosFake(hostKey, 'drop', 'echo')
    const { ending, stdin, screen, abort } = attach(sos, new PassThrough(), { connectTimeoutMs: 10_000 })
    stdin.write('typed early')
    await until(() => sos.connections() === 1)
    expect(stdin.readableLength).toBe(11)
    await until(() => screen.text().includes('typed early'))
    abort(new Error('end'))
    await expect(ending).rejects.toThrow('end')
    expect(stdin.isPaused()).toBe(true)
    expect(stdin.listenerCount('data')).toBe(0)
  })

  test('a terminal: its size and changes of it, vt100, raw in between, ~? and ~.', async () => {
    await using sshd = await startMachine('stty size; echo TERM=$TERM; read line; stty size; echo "got $line"; cat')
    const { ending, stdin, screen, log } = attach(sshd, createKeyboard())
    await until(() => screen.text().includes('TERM=vt100'))
    expect(screen.text()).toContain('40 100')
    expect(stdin.raw).toEqual([true])
    expect(log.text()).toContain('~. on a new line')
    screen.resize(132, 50)
    stdin.write('~?typed\r')
    await until(() => screen.text().includes('got typed'))
    expect(screen.text()).toContain('50 132')
    expect(log.text()).toContain('leave the console')
    stdin.write('~.')
    expect(await ending).toBe('left')
    expect(stdin.raw).toEqual([true, false])
    expect(stdin.isPaused()).toBe(true)
  })

  test('Ctrl-C goes to the machine', async () => {
    await using sshd = await startMachine('trap "echo interrupted" INT; echo ready; while :; do sleep 0.05; done')
    const { ending, stdin, screen } = attach(sshd, createKeyboard())
    await until(() => screen.text().includes('ready'))
    stdin.write('\u0003')
    await until(() => screen.text().includes('interrupted'))
    stdin.write('\r~.')
    expect(await ending).toBe('left')
  })

  test('keys do not wait for Nagle', async () => {
    // It answers every second key, so that the first of two is not acknowledged by an echo.
    await using sshd = await startMachine('stty raw -echo; echo ready; exec dd ibs=1 obs=2 status=none')
    const { ending, stdin, screen } = attach(sshd, createKeyboard())
    await until(() => screen.text().includes('ready'))
    const times: number[] = []
    for (let i = 0; i < 40; i++) {
      const before = screen.bytes()
      const started = performance.now()
      stdin.write('x')
      await new Promise((resolve) => setImmediate(resolve))
      stdin.write('y')
      while (screen.bytes() === before) await new Promise((resolve) => setImmediate(resolve))
      times.push(performance.now() - started)
    }
    // Nagle and a delayed acknowledgement cost 40 ms, once the kernel has stopped to acknowledge at once.
    expect(times.slice(20).toSorted((one, other) => one - other)[10]).toBeLessThan(20)
    stdin.write('\r~.')
    expect(await ending).toBe('left')
  })

  test('ends when the pattern shows, all of its output written', async () => {
    await using sshd = await startMachine(`printf "boot\\r\\nlog"; sleep 0.1; printf "\\033[1min: "; cat`)
    const { ending, screen } = attach(sshd, new PassThrough(), { waitFor: /^login: $/m })
    expect(await ending).toBe('matched')
    expect(screen.text()).toBe('boot\r\nlog\u001b[1min: ')
  })

  test('what a slow reader has not taken yet is waited for', async () => {
    await using sshd = await startMachine('echo a; sleep 0.02; echo b; sleep 0.02; echo done; cat')
    const screen = createScreen({ slowMs: 100 })
    const { ending } = attach(sshd, new PassThrough(), { stdout: screen, waitFor: /done/ })
    expect(await ending).toBe('matched')
    expect(screen.text()).toBe('a\nb\ndone\n')
  })

  test('a machine that ends the session: every byte arrives, also at a slow reader', async () => {
    await using sshd = await startMachine('head -c 5000000 /dev/zero | tr "\\0" x; echo bye')
    const screen = createScreen({ slowMs: 1 })
    let outputs = 0
    const { ending } = attach(sshd, new PassThrough(), { stdout: screen, onOutput: () => outputs++ })
    expect(await ending).toBe('closed')
    expect(screen.bytes()).toBe(5_000_004)
    expect(screen.text().endsWith('xbye\n')).toBe(true)
    expect(outputs).toBe(1)
    // The machine is made to wait rather than all of it kept.
    expect(screen.peak()).toBeLessThan(262_144)
  })

  test('a session closed without an exit status is a normal end', async () => {
    await using sos = await startSosFake(hostKey, 'close-session')
    const { ending, screen } = attach(sos, new PassThrough())
    expect(await ending).toBe('closed')
    expect(screen.text()).toBe('hello\r\n')
  })

  test.each<[SosBehaviour, RegExp]>([
    ['cut-session', /^console: the session broke off: "127.0.0.1:\d+" (dropped|closed) the connection/],
    ['disconnect-session', /^console: the session broke off: "127.0.0.1:\d+" closed the connection/],
  ])('a connection that breaks is an error, the terminal restored: %s', async (behaviour, message) => {
    await using sos = await startSosFake(hostKey, behaviour)
    const { ending, stdin, screen } = attach(sos, createKeyboard())
    expect(await messageOf(ending)).toMatch(message)
    expect(screen.text()).toBe('hello\r\n')
    expect(stdin.raw).toEqual([true, false])
  })

  test('sshd that is killed is a break too', async () => {
    await using sshd = await startMachine('echo up; cat')
    const { ending, screen } = attach(sshd, new PassThrough())
    await until(() => screen.text() === 'up\n')
    sshd.drop()
    expect(await messageOf(ending)).toMatch(/^console: the session broke off/)
  })

  test('an abort restores the terminal; a host that is not trusted never made it raw', async () => {
    await using sshd = await startMachine('echo up; cat')
    const { ending, stdin, screen, abort } = attach(sshd, createKeyboard())
    await until(() => screen.text().includes('up'))
    abort(new Error('stop'))
    await expect(ending).rejects.toThrow('stop')
    expect(stdin.raw).toEqual([true, false])

    const wary = attach(sshd, createKeyboard(), { knownHosts: trust(sshd, stranger) })
    expect(await messageOf(wary.ending)).toMatch(/not the one known from known_hosts:1/)
    expect(wary.stdin.raw).toEqual([])
    expect(wary.log.text()).toBe('')
  })

  test('a reader that went away ends the session', async () => {
    await using sshd = await startMachine('while echo y; do :; done')
    const { ending, screen } = attach(sshd, new PassThrough())
    await until(() => screen.bytes() > 0)
    screen.destroy(new Error('EPIPE'))
    expect(await messageOf(ending)).toBe('console: stdout cannot be written: EPIPE')
  })

  test.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])(
    'logs in with a key of type %s, the second one offered',
    async (kind) => {
      await using sshd = await startMachine('echo in')
      const { ending, screen } = attach(sshd, new PassThrough(), { identities: await load(stranger, user[kind]) })
      expect(await ending).toBe('closed')
      expect(screen.text()).toBe('in\n')
    },
  )

  test('logs in with the keys of a real agent', async () => {
    const agentSocket = join(folder.path, 'agent')
    const agent: ChildProcess = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: 'ignore' })
    try {
      await until(() => existsSync(agentSocket))
      const env = { ...process.env, SSH_AUTH_SOCK: agentSocket }
      const { report } = createLog()
      await using sshd = await startMachine('echo in')
      for (const key of Object.values(user)) {
        execFileSync('ssh-add', ['-q', '-D'], { env, stdio: 'ignore' })
        for (const { file } of [stranger, key]) execFileSync('ssh-add', ['-q', file], { env, stdio: 'ignore' })
        const fromAgent = await loadIdentities({ agentSocket, home: folder.path, report })
        expect(fromAgent.keys).toHaveLength(2)
        expect(await attach(sshd, new PassThrough(), { identities: fromAgent }).ending).toBe('closed')
      }
    } finally {
      agent.kill()
    }
  })

  test('keys that are all refused are listed', async () => {
    await using sshd = await startSshd(folder, { hostKeys: [hostKey], authorized: [stranger] })
    const { ending } = attach(sshd, new PassThrough(), { identities: await load(user.ed25519, user.rsa) })
    expect(await messageOf(ending)).toBe(
      `console: "127.0.0.1:${sshd.port}" accepts none of the keys offered: ` +
        `${user.ed25519.file} (ssh-ed25519), ${user.rsa.file} (ssh-rsa); ` +
        "the project's SSH keys must have one of these: add it there, or name another with --identity",
    )
  })

  test('too many keys are refused keys', async () => {
    const config = ['MaxAuthTries 2']
    await using sshd = await startSshd(folder, { hostKeys: [hostKey], authorized: [user.rsa], config })
    const { ending } = attach(sshd, new PassThrough(), { identities: await load(stranger, user.ecdsa, user.rsa) })
    expect(await messageOf(ending)).toMatch(/accepts none of the keys offered and says "Too many .*": .*stranger/)
  })

  test.concurrent.each<[name: string, behaviours: SosBehaviour[]]>([
    ['drops the connection', ['drop', 'echo']],
    ['refuses the keys of a new machine', ['refuse-keys', 'echo']],
    ['is busy', ['refuse-shell', 'echo']],
  ])('a server that %s is tried again, told once', async (_name, behaviours) => {
    await using sos = await startSosFake(hostKey, ...behaviours)
    const { ending, stdin, screen, log } = attach(sos, createKeyboard(), { connectTimeoutMs: 20_000 })
    await until(() => log.text().includes('trying again'))
    expect(stdin.raw).toEqual([])
    await until(() => screen.text().includes('hello'))
    expect(stdin.raw).toEqual([true])
    stdin.write('~.')
    expect(await ending).toBe('left')
    expect(sos.connections()).toBe(2)
    expect(log.text().match(/trying again every 2 s/g)).toHaveLength(1)
    expect(stdin.raw).toEqual([true, false])
  })

  test.concurrent('tried until the time is up, and then the last reason', async () => {
    await using sos = await startSosFake(hostKey, 'drop')
    const { ending } = attach(sos, new PassThrough(), { connectTimeoutMs: 3000 })
    expect(await messageOf(ending)).toMatch(/(closed|dropped) the connection/)
    expect(sos.connections()).toBe(2)
  })

  test.concurrent('an abort ends the waiting for a try', async () => {
    await using sos = await startSosFake(hostKey, 'drop')
    const { ending, abort, log } = attach(sos, new PassThrough(), { connectTimeoutMs: 60_000 })
    await until(() => log.text().includes('trying again'))
    const started = performance.now()
    abort(new Error('no more'))
    await expect(ending).rejects.toThrow('no more')
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('a silent server is given up', async () => {
    await using sos = await startSosFake(hostKey, 'silent')
    expect(await messageOf(attach(sos, new PassThrough(), { connectTimeoutMs: 300 }).ending)).toMatch(/does not answer/)
  })
})
