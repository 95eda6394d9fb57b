import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadIdentities } from '../../src/ssh/identities.ts'
import { needs } from '../helpers/needs.ts'
import { type SosBehaviour, startSosFake } from '../helpers/sos-fake.ts'
import { type KeyKind, startSshd } from '../helpers/sshd.ts'
import { attach, createKeyRing, type KeyRing, load, messageOf, noKeys, startMachine } from './session-bench.ts'
import { createJumpingClock, createKeyboard, createLog, until } from './world.ts'

const closed = { kind: 'dropped', why: 'the server closed the session' }

describe('reaching a console', needs('sshd', 'ssh-keygen', 'ssh-agent', 'ssh-add'), () => {
  let ring: KeyRing
  beforeAll(() => {
    ring = createKeyRing()
  })
  afterAll(() => ring[Symbol.dispose]())

  test.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])(
    'logs in with a key of type %s, the second one offered',
    async (kind) => {
      await using sshd = await startMachine(ring, 'echo in')
      const { ending, screen } = attach(ring, sshd, new PassThrough(), {
        identities: await load(ring.stranger, ring.user[kind]),
      })
      expect(await ending).toEqual(closed)
      expect(screen.text()).toBe('in\n')
    },
  )

  test('logs in with the keys of a real agent', async () => {
    const agentSocket = join(ring.folder.path, 'agent')
    const agent: ChildProcess = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: 'ignore' })
    try {
      await until(() => existsSync(agentSocket))
      const env = { ...process.env, SSH_AUTH_SOCK: agentSocket }
      const { report } = createLog()
      await using sshd = await startMachine(ring, 'echo in')
      for (const key of Object.values(ring.user)) {
        execFileSync('ssh-add', ['-q', '-D'], { env, stdio: 'ignore' })
        for (const { file } of [ring.stranger, key]) execFileSync('ssh-add', ['-q', file], { env, stdio: 'ignore' })
        const fromAgent = await loadIdentities({ ...noKeys, agentSocket, home: ring.folder.path, report })
        expect(fromAgent.keys).toHaveLength(2)
        expect(await attach(ring, sshd, new PassThrough(), { identities: fromAgent }).ending).toEqual(closed)
      }
    } finally {
      agent.kill()
    }
  })

  test('if all keys are refused, they are listed', async () => {
    await using sshd = await startSshd(ring.folder, { hostKeys: [ring.hostKey], authorized: [ring.stranger] })
    const { ending } = attach(ring, sshd, new PassThrough(), {
      identities: await load(ring.user.ed25519, ring.user.rsa),
    })
    expect(await messageOf(ending)).toBe(
      `console: "127.0.0.1:${sshd.port}" accepts none of the keys offered: ` +
        `${ring.user.ed25519.file} (ssh-ed25519), ${ring.user.rsa.file} (ssh-rsa); ` +
        "the project's SSH keys must have one of these: add it there, or name another with --identity",
    )
  })

  test('a server that disconnects after too many keys has refused the keys', async () => {
    const config = ['MaxAuthTries 2']
    await using sshd = await startSshd(ring.folder, { hostKeys: [ring.hostKey], authorized: [ring.user.rsa], config })
    const { ending } = attach(ring, sshd, new PassThrough(), {
      identities: await load(ring.stranger, ring.user.ecdsa, ring.user.rsa),
    })
    expect(await messageOf(ending)).toMatch(/accepts none of the keys offered and says "Too many .*": .*stranger/)
  })

  test.concurrent.each<[name: string, behaviours: SosBehaviour[]]>([
    ['drops the connection', ['drop', 'echo']],
    ['refuses the keys of a new machine', ['refuse-keys', 'echo']],
    ['is busy', ['refuse-shell', 'echo']],
  ])('a server that %s is tried again, and reported once', async (_name, behaviours) => {
    await using sos = await startSosFake(ring.hostKey, ...behaviours)
    const { ending, stdin, screen, log } = attach(ring, sos, createKeyboard(), {
      connectTimeoutMs: 20_000,
      clock: createJumpingClock(),
    })
    await until(() => log.text().includes('trying again'))
    expect(stdin.raw).toEqual([])
    await until(() => screen.text().includes('hello'))
    expect(stdin.raw).toEqual([true])
    stdin.write('~.')
    expect(await ending).toEqual({ kind: 'left' })
    expect(sos.connections()).toBe(2)
    expect(log.text().match(/trying again every 2 s/g)).toHaveLength(1)
    expect(stdin.raw).toEqual([true, false])
  })

  test.concurrent('tries until the time is up, and then reports the last reason', async () => {
    await using sos = await startSosFake(ring.hostKey, 'drop')
    const { ending } = attach(ring, sos, new PassThrough(), { connectTimeoutMs: 3000, clock: createJumpingClock() })
    expect(await messageOf(ending)).toMatch(/(closed|dropped) the connection/)
    expect(sos.connections()).toBe(2)
  })

  test.concurrent('an abort ends the wait for the next attempt', async () => {
    await using sos = await startSosFake(ring.hostKey, 'drop')
    const { ending, abort, log } = attach(ring, sos, new PassThrough(), { connectTimeoutMs: 60_000 })
    await until(() => log.text().includes('trying again'))
    const started = performance.now()
    abort(new Error('no more'))
    await expect(ending).rejects.toThrow('no more')
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('a silent server times out', async () => {
    await using sos = await startSosFake(ring.hostKey, 'silent')
    expect(await messageOf(attach(ring, sos, new PassThrough(), { connectTimeoutMs: 300 }).ending)).toMatch(
      /does not answer/,
    )
  })
})
