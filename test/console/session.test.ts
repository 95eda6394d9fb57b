import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../helpers/needs.ts'
import { type SosBehaviour, startSosFake } from '../helpers/sos-fake.ts'
import { attach, createKeyRing, type KeyRing, messageOf, startMachine, watchFor } from './session-bench.ts'
import { createJumpingClock, createKeyboard, createScreen, trust, until } from './world.ts'

const closed = { kind: 'dropped', why: 'the server closed the session' }

describe('console session', needs('sshd', 'ssh-keygen'), () => {
  let ring: KeyRing
  beforeAll(() => {
    ring = createKeyRing()
  })
  afterAll(() => ring[Symbol.dispose]())

  test('a pipe: its bytes are typed; its end does not end the session, an abort does', async () => {
    await using sshd = await startMachine(ring, 'echo tty: $(tty); cat')
    const { ending, stdin, screen, log, abort } = attach(ring, sshd, new PassThrough())
    stdin.end('hello\n~.\n')
    await until(() => screen.text().includes('~.\n'))
    expect(screen.text()).toBe('tty: not a tty\nhello\n~.\n')
    const state = await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, 200, 'goes on'))])
    expect(state).toBe('goes on')
    expect(log.text()).not.toContain('~.')
    abort(new Error('that is it'))
    await expect(ending).rejects.toThrow('that is it')
  })

  test('stdin is read only while the session is open', async () => {
    await using sos = await startSosFake(ring.hostKey, 'drop', 'echo')
    const stdin = new PassThrough()
    stdin.write('typed early')
    let waiting = -1
    const { ending, screen, abort } = attach(ring, sos, stdin, {
      connectTimeoutMs: 10_000,
      clock: createJumpingClock(),
      onAttached: () => (waiting = stdin.readableLength),
    })
    await until(() => screen.text().includes('typed early'))
    expect([sos.connections(), waiting]).toEqual([2, 11])
    abort(new Error('end'))
    await expect(ending).rejects.toThrow('end')
    expect(stdin.isPaused()).toBe(true)
    expect(stdin.listenerCount('data')).toBe(0)
  })

  test('a terminal: its size and size changes, vt100, raw mode, ~? and ~.', async () => {
    await using sshd = await startMachine(
      ring,
      'stty size; echo TERM=$TERM; read line; stty size; echo "got $line"; cat',
    )
    const { ending, stdin, screen, log } = attach(ring, sshd, createKeyboard())
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
    expect(await ending).toEqual({ kind: 'left' })
    expect(stdin.raw).toEqual([true, false])
    expect(stdin.isPaused()).toBe(true)
  })

  test('Ctrl-C goes to the machine', async () => {
    await using sshd = await startMachine(ring, 'trap "echo interrupted" INT; echo ready; while :; do sleep 0.05; done')
    const { ending, stdin, screen } = attach(ring, sshd, createKeyboard())
    await until(() => screen.text().includes('ready'))
    stdin.write('\u0003')
    await until(() => screen.text().includes('interrupted'))
    stdin.write('\r~.')
    expect(await ending).toEqual({ kind: 'left' })
  })

  test('sshd accepts the break request, and the session continues', async () => {
    const logFile = join(ring.folder.path, 'break.log')
    await using sshd = await startMachine(ring, 'echo ready; cat', { log: logFile })
    const { ending, stdin, screen, log } = attach(ring, sshd, createKeyboard())
    await until(() => screen.text().includes('ready'))
    stdin.write('~B')
    await until(() => log.text().includes('console: break sent'))
    await until(() => /channel 0 request break/.test(readFileSync(logFile, 'utf8')))
    stdin.write('still here\r')
    await until(() => screen.text().match(/still here/g)?.length === 2)
    stdin.write('~.')
    expect(await ending).toEqual({ kind: 'left' })
  })

  test('keys do not wait for Nagle', async () => {
    // It echoes every second key, so that no echo acknowledges the first of two.
    await using sshd = await startMachine(ring, 'stty raw -echo; echo ready; exec dd ibs=1 obs=2 status=none')
    const { ending, stdin, screen } = attach(ring, sshd, createKeyboard())
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
    // Nagle and a delayed acknowledgement cost 40 ms, once the kernel no longer acknowledges immediately.
    expect(times.slice(20).toSorted((one, other) => one - other)[10]).toBeLessThan(20)
    stdin.write('\r~.')
    expect(await ending).toEqual({ kind: 'left' })
  })

  test('ends when the pattern appears, after all output up to it is written', async () => {
    await using sshd = await startMachine(ring, `printf "boot\\r\\nlog"; sleep 0.1; printf "\\033[1min: "; cat`)
    const { ending, screen } = attach(ring, sshd, new PassThrough(), { watch: watchFor({ waitFor: [/^login: $/m] }) })
    expect(await ending).toEqual({ kind: 'matched' })
    expect(screen.text()).toBe('boot\r\nlog\u001b[1min: ')
  })

  test('waits until a slow reader has taken everything', async () => {
    await using sshd = await startMachine(ring, 'echo a; sleep 0.02; echo b; sleep 0.02; echo done; cat')
    const screen = createScreen({ slowMs: 100 })
    const { ending } = attach(ring, sshd, new PassThrough(), { stdout: screen, watch: watchFor({ waitFor: [/done/] }) })
    expect(await ending).toEqual({ kind: 'matched' })
    expect(screen.text()).toBe('a\nb\ndone\n')
  })

  test('if the machine ends the session, every byte arrives, even at a slow reader', async () => {
    await using sshd = await startMachine(ring, 'head -c 5000000 /dev/zero | tr "\\0" x; echo bye')
    const screen = createScreen({ slowMs: 1 })
    let outputs = 0
    const { ending } = attach(ring, sshd, new PassThrough(), { stdout: screen, onOutput: () => outputs++ })
    expect(await ending).toEqual(closed)
    expect(screen.bytes()).toBe(5_000_004)
    expect(screen.text().endsWith('xbye\n')).toBe(true)
    expect(outputs).toBe(1)
    // The machine has to wait; its output does not pile up in memory.
    expect(screen.peak()).toBeLessThan(262_144)
  })

  test('a session closed without an exit status is a normal end', async () => {
    await using sos = await startSosFake(ring.hostKey, 'close-session')
    const { ending, screen } = attach(ring, sos, new PassThrough())
    expect(await ending).toEqual(closed)
    expect(screen.text()).toBe('hello\r\n')
  })

  test.each<[SosBehaviour, RegExp]>([
    ['cut-session', /^"127.0.0.1:\d+" (dropped|closed) the connection/],
    ['disconnect-session', /^"127.0.0.1:\d+" closed the connection/],
  ])('a broken connection is reported, and the terminal restored: %s', async (behaviour, message) => {
    await using sos = await startSosFake(ring.hostKey, behaviour)
    const { ending, stdin, screen } = attach(ring, sos, createKeyboard())
    expect(await ending).toEqual({ kind: 'dropped', why: expect.stringMatching(message) })
    expect(screen.text()).toBe('hello\r\n')
    expect(stdin.raw).toEqual([true, false])
  })

  test.each<SosBehaviour>(['cut-session', 'disconnect-session', 'close-session'])(
    'a dropped session is reopened, and reported: %s',
    async (behaviour) => {
      await using sos = await startSosFake(ring.hostKey, behaviour, 'drop', behaviour, 'echo')
      const dropped: string[] = []
      let attached = 0
      const { ending, stdin, screen, log } = attach(ring, sos, createKeyboard(), {
        connectTimeoutMs: 20_000,
        clock: createJumpingClock(),
        onDropped: (why) => dropped.push(why),
        onAttached: () => attached++,
      })
      await until(() => attached === 3 && screen.text() === 'hello\r\n'.repeat(3))
      stdin.write('typed')
      await until(() => screen.text().endsWith('typed'))
      stdin.write('\r~.')
      expect(await ending).toEqual({ kind: 'left' })
      expect(dropped).toHaveLength(2)
      expect(log.text().match(/the session ended: .*; attaching again \(Ctrl-C leaves\) \.\.\./g)).toHaveLength(2)
      expect(log.text().match(/console: attached again/g)).toHaveLength(2)
      // Between the sessions nothing reads the keyboard, so the terminal handles Ctrl-C.
      expect(stdin.raw).toEqual([true, false, true, false, true, false])
    },
  )

  test('killing sshd breaks the connection too', async () => {
    await using sshd = await startMachine(ring, 'echo up; cat')
    const { ending, screen } = attach(ring, sshd, new PassThrough())
    await until(() => screen.text() === 'up\n')
    sshd.drop()
    expect(await ending).toMatchObject({ kind: 'dropped' })
  })

  test('patterns work across sessions', async () => {
    await using sshd = await startMachine(
      ring,
      'printf "login: "; read name; printf "Password: "; read word; echo "hello $name $word"; echo Kernel panic - not syncing: yes; sleep 0.05; echo rip; cat',
    )
    const matches: string[] = []
    const { ending, screen } = attach(ring, sshd, new PassThrough(), {
      onMatch: ({ source }) => matches.push(source),
      watch: watchFor({
        waitFor: [/hello/, /never/],
        failOn: [/panic/],
        replies: [
          { on: /login: $/, send: 'root\n' },
          { on: /word: $/, send: 'sesame\n' },
        ],
      }),
    })
    expect(await ending).toMatchObject({ kind: 'failed', pattern: /panic/, line: 'Kernel panic - not syncing: yes' })
    expect(screen.text()).toContain('hello root sesame')
    // The output right after the failure belongs to it.
    expect(screen.text()).toContain('rip')
    expect(matches).toEqual(['hello'])
  })

  test('a failure is noticed even if the session drops right after it, or in an incomplete line', async () => {
    await using sshd = await startMachine(ring, 'printf "Kernel panic - not syncing: yes"')
    const { ending } = attach(ring, sshd, new PassThrough(), { watch: watchFor({ failOn: [/panic.*yes$/] }) })
    expect(await ending).toMatchObject({ kind: 'failed', line: 'Kernel panic - not syncing: yes' })
  })

  test('an abort restores the terminal; an untrusted host never makes it raw', async () => {
    await using sshd = await startMachine(ring, 'echo up; cat')
    const { ending, stdin, screen, abort } = attach(ring, sshd, createKeyboard())
    await until(() => screen.text().includes('up'))
    abort(new Error('stop'))
    await expect(ending).rejects.toThrow('stop')
    expect(stdin.raw).toEqual([true, false])

    const wary = attach(ring, sshd, createKeyboard(), { knownHosts: trust(sshd, ring.stranger) })
    expect(await messageOf(wary.ending)).toMatch(/not the one known from known_hosts:1/)
    expect(wary.stdin.raw).toEqual([])
    expect(wary.log.text()).toBe('')
  })

  test('the session ends when the reader of the output exits', async () => {
    await using sshd = await startMachine(ring, 'while echo y; do :; done')
    const { ending, screen } = attach(ring, sshd, new PassThrough())
    await until(() => screen.bytes() > 0)
    screen.destroy(new Error('EPIPE'))
    expect(await messageOf(ending)).toBe('console: stdout cannot be written: EPIPE')
  })
})
