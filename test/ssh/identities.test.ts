import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type IdentitySources, loadIdentities } from '../../src/ssh/identities.ts'
import { describeError } from '../../src/errors.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { makeKey, type TestKey } from '../helpers/sshd.ts'
import { noKeys } from '../console/session-bench.ts'
import { nowhere } from '../helpers/nowhere.ts'
import { createLog, until } from '../console/world.ts'

const lines = (...keys: TestKey[]) => keys.map(({ line }) => line)

describe('identities', needs('ssh-keygen', 'ssh-agent', 'ssh-add'), () => {
  let folder: TestFolder, home: TestFolder
  let ed25519: TestKey, rsa: TestKey, ecdsa: TestKey, locked: TestKey
  let agent: ChildProcess
  let agentSocket: string

  beforeAll(async () => {
    folder = makeFolder()
    ed25519 = makeKey(folder.path, 'ed', 'ed25519')
    rsa = makeKey(folder.path, 'rsa', 'rsa')
    ecdsa = makeKey(folder.path, 'ec', 'ecdsa')
    locked = makeKey(folder.path, 'locked', 'ed25519', 'a passphrase')
    agentSocket = join(folder.path, 'agent')
    agent = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: 'ignore' })
    await until(() => existsSync(agentSocket))
  })
  afterAll(() => {
    agent.kill()
    folder[Symbol.dispose]()
  })
  beforeEach(() => {
    home = makeFolder()
    mkdirSync(join(home.path, '.ssh'))
  })
  afterEach(() => {
    home[Symbol.dispose]()
    sshAdd('-D')
  })

  function sshAdd(...args: string[]): void {
    execFileSync('ssh-add', ['-q', ...args], { env: { ...process.env, SSH_AUTH_SOCK: agentSocket }, stdio: 'ignore' })
  }
  function install(key: TestKey, name: string): void {
    copyFileSync(key.file, join(home.path, '.ssh', name))
  }

  async function load(sources: Partial<IdentitySources>) {
    const log = createLog()
    const { keys } = await loadIdentities({ ...noKeys, home: home.path, report: log.report, ...sources })
    return { keys: keys.map(({ publicKey }) => publicKey), labels: keys.map(({ label }) => label), said: log.text() }
  }
  async function failureOf(sources: Partial<IdentitySources>) {
    return describeError(await load(sources).then(String, (error: unknown) => error))
  }

  test('the agent first, then the usual files; a key in both counts once', async () => {
    sshAdd(rsa.file)
    sshAdd(ed25519.file)
    install(ecdsa, 'id_ecdsa')
    install(rsa, 'id_rsa')
    const { keys, labels } = await load({ agentSocket })
    expect(keys).toEqual(lines(rsa, ed25519, ecdsa))
    expect(labels).toEqual(['agent: rsa', 'agent: ed', join(home.path, '.ssh/id_ecdsa')])
  })

  test('without an agent, the files in their order', async () => {
    install(rsa, 'id_rsa')
    install(ed25519, 'id_ed25519')
    expect((await load({})).keys).toEqual(lines(ed25519, rsa))
    expect((await load({ agentSocket: join(home.path, 'nobody') })).said).toContain('cannot be reached')
  })

  test('with --identity, only that file', async () => {
    sshAdd(rsa.file)
    install(ecdsa, 'id_ecdsa')
    expect((await load({ agentSocket, named: [ed25519.file] })).keys).toEqual(lines(ed25519))
    expect((await load({ named: ['~/.ssh/id_ecdsa'] })).keys).toEqual(lines(ecdsa))
  })

  test('a certificate beside a key is reported as unusable, and the key is offered', async () => {
    install(ed25519, 'id_ed25519')
    const file = join(home.path, '.ssh', 'id_ed25519')
    copyFileSync(`${ed25519.file}.pub`, `${file}.pub`)
    execFileSync('ssh-keygen', ['-q', '-s', ecdsa.file, '-I', 'me', '-n', 'device', `${file}.pub`], { stdio: 'ignore' })
    for (const sources of [{}, { named: [file] }]) {
      const { keys, said } = await load(sources)
      expect(keys).toEqual(lines(ed25519))
      expect(said).toBe(
        `the certificate "${file}-cert.pub" is not used, as ssh2 cannot sign for it; its key is offered without it\n`,
      )
    }
    // ssh-add adds both to the agent.
    sshAdd(file)
    expect((await load({ agentSocket, named: [] })).keys).toEqual(lines(ed25519))
  })

  test('a locked file is skipped with a warning, unless the agent has keys', async () => {
    install(locked, 'id_ed25519')
    install(rsa, 'id_rsa')
    const { keys, said } = await load({})
    expect(keys).toEqual(lines(rsa))
    expect(said).toMatch(/^warning: private key ".*id_ed25519" is locked by a passphrase; run ssh-add /)
    sshAdd(ecdsa.file)
    expect(await load({ agentSocket })).toMatchObject({ keys: lines(ecdsa, rsa), said: '' })
  })

  test.each<[name: string, file: (key: TestKey) => string, message: RegExp]>([
    ['missing', () => `${nowhere}/key`, new RegExp(`"${nowhere}/key" does not exist; name another`)],
    ['a public key', (key) => `${key.file}.pub`, /is a public key; name the private one, without \.pub$/],
    ['not a key', () => '/etc/passwd', /is not a usable private key; make one with ssh-keygen/],
    ['a folder', () => '/etc', /"\/etc" cannot be read: it is a folder/],
  ])('--identity that is %s', async (_name, file, message) => {
    expect(await failureOf({ named: [file(ed25519)] })).toMatch(message)
  })

  test.each([
    ['OpenSSH', []],
    ['PEM', ['-m', 'PEM']],
    ['PKCS8', ['-m', 'PKCS8']],
  ])('--identity that is locked, format %s', async (name, format) => {
    const file = join(folder.path, `locked-${name}`)
    execFileSync('ssh-keygen', ['-q', '-t', 'ecdsa', ...format, '-N', 'a passphrase', '-f', file])
    expect(await failureOf({ named: [file] })).toBe(
      `console: private key "${file}" is locked by a passphrase; run ssh-add ${file} and omit --identity`,
    )
  })

  test('without any key the error lists the places searched and the remedy', async () => {
    const ssh = join(home.path, '.ssh')
    expect(await failureOf({})).toBe(
      'console: there is no SSH key to log in with: the SSH agent is not set (SSH_AUTH_SOCK), ' +
        `${ssh}/id_ed25519 does not exist, ${ssh}/id_ecdsa does not exist, ${ssh}/id_rsa does not exist; ` +
        'make one with ssh-keygen -t ed25519 and add it to the project, or name one with --identity',
    )
    install(locked, 'id_rsa')
    expect(await failureOf({ agentSocket })).toMatch(
      /holds no usable keys.*id_rsa is locked by a passphrase; run ssh-add /,
    )
  })

  test('no key signs with SHA-1', async () => {
    const { report } = createLog()
    const { keys } = await loadIdentities({ ...noKeys, named: [rsa.file], report })
    const signer = keys[0]?.signer
    const sign = (hash: 'sha1' | 'sha512') =>
      new Promise((resolve) => {
        signer?.getIdentities((_error, [key] = []) => {
          if (key === undefined || !('sign' in key)) throw new Error('no key')
          signer.sign(key, Buffer.from('data'), { hash }, (error, signature) => resolve(error ?? signature))
        })
      })
    expect(await sign('sha1')).toBeInstanceOf(Error)
    expect(await sign('sha512')).toBeInstanceOf(Buffer)
  })
})
