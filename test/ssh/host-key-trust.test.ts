import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HostAccess, probeHost } from '../../src/ssh/connection.ts'
import { fingerprintOf } from '../../src/ssh/host-key.ts'
import { loadKnownHosts } from '../../src/ssh/known-hosts.ts'
import type { Prompter } from '../../src/ssh/prompter.ts'
import { drawRandomart } from '../../src/ssh/randomart.ts'
import { HostTrust } from '../../src/ssh/host-key-trust.ts'
import { describeError } from '../../src/errors.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { type HostKeys, type KeyKind, makeHostKeys, makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { createLog } from '../console/world.ts'

/** A prompter that gives these answers, and records the questions. */
function answering(...answers: string[]): Prompter & { questions: string[] } {
  const questions: string[] = []
  const ask = async (question: string) => {
    questions.push(question)
    return answers.shift() ?? ''
  }
  return { questions, ask, askSecret: ask }
}

describe('unknown hosts', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  let folder: TestFolder
  let keys: HostKeys
  let sshd: Sshd
  const limits = { signal: new AbortController().signal, timeoutMs: 5000 }

  beforeAll(async () => {
    folder = makeFolder()
    keys = makeHostKeys(folder.path)
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

  /** ssh's decision for a file: 'trusted' is a host that it logs in to, or would if it had a key. */
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

  test('a last line without a newline is not continued', async () => {
    const file = folder.write('no-end', `elsewhere ${keys.rsa.line}`)
    expect((await reach(file, { acceptNew: true })).outcome).toBe('reached')
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3)
    expect(await askSsh(file)).toBe('trusted')
  })

  test('a last line with a newline is followed by the new line, and the file keeps its mode', async () => {
    const file = folder.write('end', `elsewhere ${keys.rsa.line}\n`)
    chmodSync(file, 0o644)
    expect((await reach(file, { acceptNew: true })).outcome).toBe('reached')
    expect(readFileSync(file, 'utf8')).toBe(
      `elsewhere ${keys.rsa.line}\n[127.0.0.1]:${sshd.port} ${keys.ed25519.line.split(' ', 2).join(' ')}\n`,
    )
    expect(statSync(file).mode & 0o777).toBe(0o644)
  })

  test('an empty file begins with the new line, and a new folder is the user’s alone', async () => {
    const file = folder.write('empty', '')
    expect((await reach(file, { acceptNew: true })).outcome).toBe('reached')
    expect(readFileSync(file, 'utf8')).toMatch(/^\[127\.0\.0\.1\]:\d+ \S+ \S+\n$/)
    const inFolder = join(folder.path, 'new', 'known_hosts')
    expect((await reach(inFolder, { acceptNew: true })).outcome).toBe('reached')
    expect(statSync(join(folder.path, 'new')).mode & 0o777).toBe(0o700)
  })

  test('without a terminal, and without accept-new, the answer is no', async () => {
    const file = join(folder.path, 'nobody')
    expect((await reach(file, {})).outcome).toMatch(/is not a known host/)
    expect(existsSync(file)).toBe(false)
  })

  test('without a file a key is accepted only for this run', async () => {
    const said = await reach('', { acceptNew: true, knownHosts: await loadKnownHosts([]) })
    expect(said).toEqual({ outcome: 'reached', said: '' })
  })

  test('accept-new does not accept a changed key', async () => {
    const file = folder.write('changed', `[127.0.0.1]:${sshd.port} ${keys.other.line}\n`)
    expect((await reach(file, { acceptNew: true })).outcome).toMatch(/not the one known from .*changed:1;/)
    expect(await askSsh(file)).toBe('refused')
  })

  test.each([
    ['yes', ['yes'], true],
    ['the fingerprint', ['FINGERPRINT'], true],
    ['YES between blanks', [' YES\t'], true],
    ['no', ['no'], false],
    ['n', ['N'], false],
    ['nothing', [''], false],
    ['yes and more, then no', ['yes, of course', 'no'], false],
    ['not quite yes, then no', ['oh yes', 'no'], false],
    ['more than no, then yes', ['not sure', 'yes'], true],
    ['something that ends in no, then yes', ['casino', 'yes'], true],
    ['another fingerprint, then yes', [`SHA256:${'a'.repeat(43)}`, 'yes'], true],
    ['something else, then no', ['perhaps', 'no'], false],
  ])('in a terminal the user is asked: %s', async (name, answers, accepted) => {
    const file = join(folder.path, `asked ${name}`)
    const fingerprint = fingerprintOf(keys.ed25519.blob)
    const prompter = answering(...answers.map((answer) => answer.replace('FINGERPRINT', fingerprint)))
    const { outcome } = await reach(file, { prompter }, 0)
    expect(outcome).toMatch(accepted ? /^reached$/ : /is not a known host/)
    expect(existsSync(file)).toBe(accepted)
    expect(prompter.questions).toHaveLength(answers.length)
    for (const again of prompter.questions.slice(1)) expect(again).toBe('Answer yes, no, or the exact fingerprint: ')
    expect(prompter.questions[0]).toContain(`ssh-ed25519 key has the fingerprint\n  ${fingerprint}\n`)
    expect(prompter.questions[0]).not.toContain('[SHA256]')
  })

  test('with -v the randomart is shown too', async () => {
    const prompter = answering('no')
    await reach(join(folder.path, 'unwritten'), { prompter })
    expect(prompter.questions[0]).toContain(drawRandomart(keys.ed25519.blob).join('\n'))
  })

  test('a pinned fingerprint is trusted, any other is not, and a revoked key never is', async () => {
    const none = join(folder.path, 'none')
    const pins = [fingerprintOf(keys.rsa.blob), fingerprintOf(keys.ed25519.blob)]
    expect(await reach(none, { pins })).toEqual({ outcome: 'reached', said: '' })
    expect(existsSync(none)).toBe(false)
    const known = folder.write('known', `[127.0.0.1]:${sshd.port} ${keys.ed25519.line}\n`)
    expect((await reach(known, { pins: pins.slice(0, 1) })).outcome).toMatch(
      /presents the key ssh-ed25519 .*, not SHA256:/,
    )
    const revoked = folder.write('revoked', `@revoked * ${keys.ed25519.line}\n`)
    expect((await reach(revoked, { pins })).outcome).toMatch(/which .*revoked:1 revokes/)
  })

  test('a file that cannot be written is an error', async () => {
    expect((await reach('/proc/none/known_hosts', { acceptNew: true })).outcome).toBe(
      'console: the host key cannot be added to "/proc/none/known_hosts" (no such file or directory); make it writable, or name another file with --known-hosts',
    )
  })

  test('reports known keys in advance, and whether the user would be asked', async () => {
    const base = { hash: false, report: createLog(0).report }
    const knownHosts = await loadKnownHosts([folder.write('one', `a.example ${keys.rsa.line}\n`)])
    const [known, unknown] = ['a.example', 'b.example'].map((host) => ({ host, port: 22 }))
    const look = (options: Pick<ConstructorParameters<typeof HostTrust>[0], 'pins' | 'acceptNew' | 'prompter'>) => {
      const trust = new HostTrust({ ...base, knownHosts, ...options })
      return [known, unknown].map((place) => place !== undefined && trust.knows(place)).concat(trust.open)
    }
    expect(look({ pins: [], acceptNew: false, prompter: undefined })).toEqual([true, false, false])
    expect(look({ pins: ['SHA256:x'], acceptNew: false, prompter: undefined })).toEqual([true, true, true])
    expect(look({ pins: [], acceptNew: true, prompter: undefined })).toEqual([true, false, true])
    expect(look({ pins: [], acceptNew: false, prompter: answering() })).toEqual([true, false, true])
  })

  test('an authority may certify a host, which does not make the host known', async () => {
    const lines = `@cert-authority *.example ${keys.rsa.line}\n@revoked * ${keys.other.line}\n`
    const knownHosts = await loadKnownHosts([folder.write('authorities', lines)])
    const base = { knownHosts, acceptNew: false, prompter: undefined, hash: false, report: createLog(0).report }
    const trust = new HostTrust({ ...base, pins: [] })
    const [named, other] = ['a.example', 'elsewhere'].map((host) => ({ host, port: 22 }))
    if (named === undefined || other === undefined) throw new Error('no places')
    expect([trust.hasAuthority(named), trust.asksCertificate(named), trust.knows(named)]).toEqual([true, true, false])
    expect([trust.hasAuthority(other), trust.asksCertificate(other), trust.knows(other)]).toEqual([false, true, false])
    expect(new HostTrust({ ...base, pins: ['SHA256:x'] }).hasAuthority(named)).toBe(false)
  })

  test.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])('the picture of a key is the one ssh-keygen draws: %s', (kind) => {
    for (let i = 0; i < (kind === 'rsa' ? 1 : 5); i++) {
      const key = makeKey(folder.path, `art-${kind}-${i}`, kind)
      const drawn = execFileSync('ssh-keygen', ['-lv', '-E', 'sha256', '-f', `${key.file}.pub`]).toString()
      expect(drawRandomart(key.blob)).toEqual(drawn.trimEnd().split('\n').slice(1))
    }
  })
})
