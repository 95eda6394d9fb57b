import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probeHost } from '../../src/ssh/connection.ts'
import { fingerprintOf } from '../../src/ssh/host-key.ts'
import { KnownHosts, parseKnownHosts } from '../../src/ssh/known-hosts.ts'
import { ConsoleError, describeError } from '../../src/errors.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { type HostKeys, type KeyKind, makeHostKeys, startSshd } from '../helpers/sshd.ts'
import { startSosFake } from '../helpers/sos-fake.ts'
import { accessTo, trust } from '../console/world.ts'

describe('probing a host', needs('sshd', 'ssh-keygen'), () => {
  let folder: TestFolder
  let keys: HostKeys
  const signal = new AbortController().signal

  beforeAll(() => {
    folder = makeFolder()
    keys = makeHostKeys(folder.path)
  })
  afterAll(() => folder[Symbol.dispose]())

  async function failureOf(place: { host: string; port: number }, knownHosts: KnownHosts, timeoutMs = 5000) {
    const error: unknown = await probeHost(accessTo(place, knownHosts), { signal, timeoutMs }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(ConsoleError)
    return describeError(error)
  }

  test.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])('a known %s key is accepted', async (kind) => {
    await using sshd = await startSshd(folder, { hostKeys: [keys[kind]] })
    await probeHost(accessTo(sshd, trust(sshd, keys[kind])), { signal, timeoutMs: 5000 })
  })

  test.each<KeyKind>(['ed25519', 'ecdsa', 'rsa'])('of several keys the known one, %s, is asked for', async (kind) => {
    await using sshd = await startSshd(folder, { hostKeys: [keys.ed25519, keys.ecdsa, keys.rsa] })
    await probeHost(accessTo(sshd, trust(sshd, keys[kind])), { signal, timeoutMs: 5000 })
  })

  test('an unknown host is reported with its fingerprint, and the command that adds it', async () => {
    await using sshd = await startSshd(folder, { hostKeys: [keys.ed25519] })
    const knownHosts = new KnownHosts(['/home/me/.ssh/known_hosts'], [])
    expect(await failureOf(sshd, knownHosts)).toBe(
      `console: "127.0.0.1:${sshd.port}" is not a known host; it presents the key ssh-ed25519 ${fingerprintOf(keys.ed25519.blob)}; ` +
        'if its operator confirms that fingerprint, add it with ' +
        `ssh-keyscan -p ${sshd.port} 127.0.0.1 >> /home/me/.ssh/known_hosts or --host-key ${fingerprintOf(keys.ed25519.blob)}`,
    )
  })

  test.each([
    ['before its version', 'no SSH here\r\n'],
    ['after its version', 'SSH-2.0-flood\r\n'],
  ])('a server that sends endlessly %s is disconnected', async (_when, first) => {
    let sent = 0
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write(first)
      const line = Buffer.from('flood flood flood flood flood flood flood flood flood\r\n'.repeat(1000))
      const more = () => {
        while (sent < 64 * 2 ** 20 && socket.write(line)) sent += line.length
      }
      socket.on('drain', more)
      more()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const place = { host: '127.0.0.1', port }
    const said = await failureOf(place, trust(place, keys.ed25519), 20_000)
    expect(said).toMatch(/sends too much|closed|protocol|SSH/i)
    expect(said).not.toContain('did not answer')
    expect(sent).toBeLessThan(32 * 2 ** 20)
    server.close()
  })

  test('a changed or a revoked key is reported with the line of the file', async () => {
    await using sshd = await startSshd(folder, { hostKeys: [keys.ed25519] })
    expect(await failureOf(sshd, trust(sshd, keys.other))).toMatch(
      /presents the key .*, not the one known from known_hosts:1; .* ssh-keygen -f known_hosts -R '\[127\.0\.0\.1\]:\d+'$/,
    )
    const revoking = new KnownHosts([], parseKnownHosts(`\n@revoked * ${keys.ed25519.line}`, 'file'))
    expect(await failureOf(sshd, revoking)).toMatch(/presents the key ssh-ed25519 SHA256:\S+, which file:2 revokes;/)
  })

  test('a host that presents a known key without owning it is refused', async () => {
    const stolen = ssh2.utils.parseKey(readFileSync(keys.other.file))
    if (stolen instanceof Error) throw stolen
    stolen.getPublicSSH = () => keys.ed25519.blob
    await using sos = await startSosFake([stolen].flat()[0] ?? stolen, 'echo')
    expect(await failureOf(sos, trust(sos, keys.ed25519))).toMatch(/cannot agree: .*signature verification failed/)
  })

  test('probing does not log in', async () => {
    await using sos = await startSosFake(keys.ed25519, 'refuse-keys')
    await probeHost(accessTo(sos, trust(sos, keys.ed25519)), { signal, timeoutMs: 5000 })
  })

  test('a host that supports only SHA-1 is refused', async () => {
    const config = ['KexAlgorithms diffie-hellman-group14-sha1']
    await using sshd = await startSshd(folder, { hostKeys: [keys.ed25519], config })
    expect(await failureOf(sshd, trust(sshd, keys.ed25519))).toMatch(/cannot agree: .*key exchange/)
    await using old = await startSshd(folder, { hostKeys: [keys.rsa], config: ['HostKeyAlgorithms ssh-rsa'] })
    expect(await failureOf(old, trust(old, keys.rsa))).toMatch(/cannot agree: .*host key/)
  })

  test('each failure to reach a host has its own message', async () => {
    const nobody = createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const address = nobody.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    nobody.close()
    await once(nobody, 'close')
    const none = new KnownHosts([], [])
    expect(await failureOf({ host: '127.0.0.1', port }, none)).toBe(`console: "127.0.0.1:${port}" refuses connections`)
    // Too long for a host name, so no name server is needed.
    const name = `${'x'.repeat(70)}.example`
    expect(await failureOf({ host: name, port: 22 }, none)).toBe(
      `console: "${name}" has no address: no such name; check --sos`,
    )
    await using silent = await startSosFake(keys.ed25519, 'silent')
    expect(await failureOf(silent, none, 200)).toBe(`console: "127.0.0.1:${silent.port}" does not answer`)
    await using drop = await startSosFake(keys.ed25519, 'drop')
    expect(await failureOf(drop, none)).toMatch(/(closed|dropped) the connection/)
    await using web = await startSosFake(keys.ed25519, 'not-ssh')
    expect(await failureOf(web, none)).toMatch(/closed the connection|does not speak SSH/)
  })

  test('ends with the reason of its signal', async () => {
    await using silent = await startSosFake(keys.ed25519, 'silent')
    const controller = new AbortController()
    const probe = probeHost(accessTo(silent, new KnownHosts([], [])), { signal: controller.signal, timeoutMs: 5000 })
    setTimeout(() => controller.abort(new Error('enough')), 50)
    await expect(probe).rejects.toThrow('enough')
    await expect(
      probeHost(accessTo(silent, new KnownHosts([], [])), { signal: controller.signal, timeoutMs: 5000 }),
    ).rejects.toThrow('enough')
  })
})
