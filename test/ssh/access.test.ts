import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccessSources } from '../../src/ssh/access.ts'
import { describeError } from '../../src/errors.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { startSshd } from '../helpers/sshd.ts'
import { attach, createKeyRing, type KeyRing, startMachine } from '../console/session-bench.ts'
import { createFinder } from '../console/world.ts'
import { nowhere } from '../helpers/nowhere.ts'

/** The entry of a host in ssh's configuration, under an alias. */
function reached(name: string, port: number): string {
  return `Host ${name}\n  HostName 127.0.0.1\n  Port ${port}\n  HostKeyAlias ${name}\n`
}

describe('reaching a host as ssh would', needs('sshd', 'ssh-keygen'), () => {
  let ring: KeyRing
  let home: TestFolder
  beforeAll(() => {
    ring = createKeyRing()
    home = makeFolder()
    mkdirSync(join(home.path, '.ssh'))
  })
  afterAll(() => {
    ring[Symbol.dispose]()
    home[Symbol.dispose]()
  })

  const find = async (config: string, place: { host: string; port: number }, more: Partial<AccessSources> = {}) => {
    home.write('.ssh/config', config)
    return await createFinder(home.path, more).find(place, '', new AbortController().signal)
  }

  test('through the hosts of ProxyJump, each with its own keys, names and known_hosts', async () => {
    const hop = { hostKeys: [ring.stranger], authorized: [ring.user.ecdsa] }
    await using first = await startSshd(ring.folder, hop)
    await using second = await startSshd(ring.folder, hop)
    await using machine = await startMachine(ring, 'echo inside; cat')
    const { username } = machine
    home.write('.ssh/known', `first,second ${ring.stranger.line}\nmachine ${ring.hostKey.line}\n`)
    const config = [
      `Host first second`,
      `  HostName 127.0.0.1`,
      `  HostKeyAlias first`,
      `  User ${username}`,
      `  IdentityFile ${ring.user.ecdsa.file}`,
      `Host machine`,
      `  HostName 127.0.0.1`,
      `  Port ${machine.port}`,
      `  HostKeyAlias machine`,
      `  IdentityFile ${ring.user.rsa.file}`,
      `  ProxyJump first:${first.port},second:${second.port}`,
      `Host *`,
      `  UserKnownHostsFile ~/.ssh/known`,
      '',
    ].join('\n')
    const access = await find(config, { host: 'machine', port: 22 })
    expect(access.via.map(({ address, username: user }) => [address.port, user])).toEqual([
      [first.port, username],
      [second.port, username],
    ])
    const { ending, screen, abort } = attach(ring, { ...machine, username }, new PassThrough(), {
      ...access,
      username,
      connectTimeoutMs: 10_000,
    })
    await expect.poll(() => screen.text(), { timeout: 10_000 }).toContain('inside')
    abort(new Error('enough'))
    await expect(ending).rejects.toThrow('enough')
  })

  test('a certificate is requested through jump hosts too', async () => {
    const { file } = ring.hostKey
    execFileSync('ssh-keygen', ['-q', '-s', ring.user.rsa.file, '-I', 'host', '-h', '-n', 'machine', `${file}.pub`])
    await using hop = await startSshd(ring.folder, { hostKeys: [ring.stranger], authorized: [ring.user.ecdsa] })
    await using machine = await startMachine(ring, 'echo inside; cat', { config: [`HostCertificate ${file}-cert.pub`] })
    home.write('.ssh/known', `hop ${ring.stranger.line}\n@cert-authority machine ${ring.user.rsa.line}\n`)
    const config = [
      reached('hop', hop.port),
      reached('machine', machine.port),
      `  ProxyJump hop\n`,
      `Host *\n  User ${machine.username}\n  IdentityFile ${ring.user.ecdsa.file}\n  UserKnownHostsFile ~/.ssh/known\n`,
    ]
    const access = await find(config.join(''), { host: 'machine', port: 22 })
    expect(access.via).toHaveLength(1)
    const { ending, screen, abort } = attach(ring, machine, new PassThrough(), { ...access, connectTimeoutMs: 20_000 })
    await expect.poll(() => screen.text(), { timeout: 20_000 }).toContain('inside')
    abort(new Error('enough'))
    await expect(ending).rejects.toThrow('enough')
  })

  test('an unknown hop stops the connection, and is named', async () => {
    await using hop = await startSshd(ring.folder, { hostKeys: [ring.stranger], authorized: [ring.user.ecdsa] })
    const config = `Host machine\n  IdentityFile ${ring.user.rsa.file}\n  ProxyJump 127.0.0.1:${hop.port}\nHost *\n  IdentityFile ${ring.user.ecdsa.file}\n`
    const access = await find(config, { host: 'machine', port: 22 })
    const { ending } = attach(ring, { host: 'machine', port: 22 }, new PassThrough(), { ...access })
    const message = await ending.then(String, describeError)
    expect(message).toContain(`"127.0.0.1:${hop.port}" is not a known host`)
  })

  test('a ProxyJump loop is an error', async () => {
    const failed = find('Host *\n  ProxyJump bastion\n', { host: 'machine', port: 22 })
    await expect(failed).rejects.toThrow(`the ProxyJump of ssh's configuration loops, via "bastion"`)
  })

  test("a hop's port 22 overrides the port in the configuration", async () => {
    const config = `Host hop\n  Port 2222\nHost machine\n  IdentityFile ${ring.user.rsa.file}\n  ProxyJump hop:22\nHost *\n  IdentityFile ${ring.user.rsa.file}\n`
    const access = await find(config, { host: 'machine', port: 22 })
    expect(access.via.map(({ address }) => address)).toEqual([{ host: 'hop', port: 22 }])
  })

  test('the command line overrides the configuration', async () => {
    home.write('.ssh/known', `machine ${ring.stranger.line}\n`)
    const config = `Host *\n  IdentityFile ${ring.user.rsa.file}\n  UserKnownHostsFile ~/.ssh/known\n`
    const place = { host: 'machine', port: 22 }
    const named = { identityFiles: [ring.user.ecdsa.file], knownHostsFile: `${nowhere}/known` }
    const [plain, other] = [await find(config, place), await find(config, place, named)]
    expect([plain.identities.keys[0]?.type, plain.trust.knows(place)]).toEqual(['ssh-rsa', true])
    expect([other.identities.keys[0]?.type, other.trust.knows(place)]).toEqual(['ecdsa-sha2-nistp256', false])
  })
})
