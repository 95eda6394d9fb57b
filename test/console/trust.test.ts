import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HostAccess, probeHost } from '../../src/console/connection.ts'
import { fingerprintOf } from '../../src/console/host-key.ts'
import { loadKnownHosts } from '../../src/console/known-hosts.ts'
import type { Prompter } from '../../src/console/prompter.ts'
import { drawRandomart } from '../../src/console/randomart.ts'
import { HostTrust } from '../../src/console/trust.ts'
import { describeError } from '../../src/errors.ts'
import { needs } from '../helpers/needs.ts'
import {
  type KeyKind,
  makeFolder,
  makeKey,
  type Sshd,
  startSshd,
  type TestFolder,
  type TestKey,
} from '../helpers/sshd.ts'
import { createLog } from './world.ts'

/** A prompter that gives these answers, and keeps the questions. */
function answering(...answers: string[]): Prompter & { questions: string[] } {
  const questions: string[] = []
  const ask = async (question: string) => {
    questions.push(question)
    return answers.shift() ?? ''
  }
  return { questions, ask, askSecret: ask }
}

describe('hosts that are not known', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  let folder: TestFolder
  let keys: Record<KeyKind | 'other', TestKey>
  let sshd: Sshd
  const limits = { signal: new AbortController().signal, timeoutMs: 5000 }

  beforeAll(async () => {
    folder = makeFolder()
    keys = {
      ed25519: makeKey(folder.path, 'ed25519', 'ed25519'),
      ecdsa: makeKey(folder.path, 'ecdsa', 'ecdsa'),
      rsa: makeKey(folder.path, 'rsa', 'rsa'),
      other: makeKey(folder.path, 'other', 'ed25519'),
    }
    sshd = await startSshd(folder, { hostKeys: [keys.ed25519] })
  })
  afterAll(async () => {
    await sshd[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function reach(file: string, options: Partial<ConstructorParameters<typeof HostTrust>[0]>, verbosity = 1) {
    const log = createLog(verbosity)
    const knownHosts = await loadKnownHosts([file])
    const trust = new HostTrust({
      knownHosts,
      pins: [],
      acceptNew: false,
      prompter: undefined,
      hash: false,
      report: log.report,
      ...options,
    })
    const place = { host: sshd.host, port: sshd.port }
    const access: HostAccess = { address: place, place, trust, identities: { keys: [] }, via: [] }
    const outcome = await probeHost(access, limits).then(() => 'reached', describeError)
    return { outcome, said: log.text() }
  }

  /** What ssh makes of a file: 'trusted' is a host it logs in to, or would if it had a key. */
  async function askSsh(file: string): Promise<string> {
    try {
      const options = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${file}`, 'GlobalKnownHostsFile=none']
      const args = [...options, 'BatchMode=yes', 'IdentityFile=none', 'IdentityAgent=none'].flatMap((o) => ['-o', o])
      const target = ['-p', String(sshd.port), sshd.host, 'true']
      await promisify(execFile)('ssh', ['-F', 'none', ...args, ...target], { timeout: 10_000 })
      return 'trusted'
    } catch (error) {
      return /Permission denied/.test(String(Object(error).stderr)) ? 'trusted' : 'refused'
    }
  }

  test.each([
    ['plain', false],
    ['hashed', true],
  ])('accept-new writes the key, %s, as ssh and ssh-keygen read it', async (name, hash) => {
    const file = join(folder.path, `${name}-folder`, 'known_hosts')
    expect(await reach(file, { acceptNew: true, hash })).toMatchObject({
      outcome: 'reached',
      said: expect.stringContaining(`key of "127.0.0.1:${sshd.port}" is now in ${file}.`),
    })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8').startsWith('|1|')).toBe(hash)
    expect(execFileSync('ssh-keygen', ['-F', `[127.0.0.1]:${sshd.port}`, '-f', file]).toString()).toContain('found')
    expect(await askSsh(file)).toBe('trusted')
    expect(await reach(file, {})).toMatchObject({ outcome: 'reached', said: '' })
  })

  test('a last line without an end is not continued', async () => {
    const file = folder.write('no-end', `elsewhere ${keys.rsa.line}`)
    expect((await reach(file, { acceptNew: true })).outcome).toBe('reached')
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3)
    expect(await askSsh(file)).toBe('trusted')
  })

  test('accept-new does not take a changed key', async () => {
    const file = folder.write('changed', `[127.0.0.1]:${sshd.port} ${keys.other.line}\n`)
    expect((await reach(file, { acceptNew: true })).outcome).toMatch(/not the one known from .*changed:1;/)
    expect(await askSsh(file)).toBe('refused')
  })

  test.each([
    ['yes', ['yes'], true],
    ['the fingerprint', ['FINGERPRINT'], true],
    ['no', ['no'], false],
    ['nothing', [''], false],
    ['another fingerprint, then yes', [`SHA256:${'a'.repeat(43)}`, 'yes'], true],
    ['something else, then no', ['perhaps', 'no'], false],
  ])('at a terminal it is asked: %s', async (name, answers, accepted) => {
    const file = join(folder.path, `asked ${name}`)
    const fingerprint = fingerprintOf(keys.ed25519.blob)
    const prompter = answering(...answers.map((answer) => answer.replace('FINGERPRINT', fingerprint)))
    const { outcome } = await reach(file, { prompter }, 0)
    expect(outcome).toMatch(accepted ? /^reached$/ : /is not a known host/)
    expect(existsSync(file)).toBe(accepted)
    expect(prompter.questions).toHaveLength(answers.length)
    expect(prompter.questions[0]).toContain(`ssh-ed25519 key has the fingerprint\n  ${fingerprint}\n`)
    expect(prompter.questions[0]).not.toContain('[SHA256]')
  })

  test('with -v the picture is shown too', async () => {
    const prompter = answering('no')
    await reach(join(folder.path, 'unwritten'), { prompter })
    expect(prompter.questions[0]).toContain(drawRandomart(keys.ed25519.blob).join('\n'))
  })

  test('a fingerprint that was named is trusted, no other is, and a revoked one never', async () => {
    const none = join(folder.path, 'none')
    const pins = [fingerprintOf(keys.rsa.blob), fingerprintOf(keys.ed25519.blob)]
    expect(await reach(none, { pins })).toEqual({ outcome: 'reached', said: '' })
    expect(existsSync(none)).toBe(false)
    const known = folder.write('known', `[127.0.0.1]:${sshd.port} ${keys.ed25519.line}\n`)
    expect((await reach(known, { pins: pins.slice(0, 1) })).outcome).toMatch(
      /shows the key ssh-ed25519 .*, not SHA256:/,
    )
    const revoked = folder.write('revoked', `@revoked * ${keys.ed25519.line}\n`)
    expect((await reach(revoked, { pins })).outcome).toMatch(/which .*revoked:1 revokes/)
  })

  test('a file that cannot be written is an error', async () => {
    expect((await reach('/proc/none/known_hosts', { acceptNew: true })).outcome).toMatch(
      /^console: the host key cannot be added to "\/proc\/none\/known_hosts" \(ENOENT\)/,
    )
  })

  test.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])('the picture of a key is the one ssh-keygen draws: %s', (kind) => {
    for (let i = 0; i < (kind === 'rsa' ? 1 : 5); i++) {
      const key = makeKey(folder.path, `art-${kind}-${i}`, kind)
      const drawn = execFileSync('ssh-keygen', ['-lv', '-E', 'sha256', '-f', `${key.file}.pub`]).toString()
      expect(drawRandomart(key.blob)).toEqual(drawn.trimEnd().split('\n').slice(1))
    }
  })
})
