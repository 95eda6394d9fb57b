// A console behind a gateway, as Oracle Cloud has it: two hops, one RSA key, a fingerprint from the API, and only SHA-1 behind
// the gateway. Both hops are OpenSSH's sshd.
import { createHash, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeError } from '../../src/errors.ts'
import { connect } from '../../src/ssh/connection.ts'
import type { AccessFinder } from '../../src/ssh/access.ts'
import { fingerprintOf } from '../../src/ssh/host-key.ts'
import { parseIdentity } from '../../src/ssh/key-file.ts'
import { createFinder } from '../console/world.ts'
import { type TestFolder, makeFolder, makeTestFolder } from '../helpers/folder.ts'
import { needs } from '../helpers/needs.ts'
import { makeKey, type Sshd, startSshd, type TestKey } from '../helpers/sshd.ts'

type Place = Parameters<AccessFinder['findPlace']>[0]

function md5Of(key: TestKey): string {
  return (createHash('md5').update(key.blob).digest('hex').match(/../g) ?? []).join(':')
}

const addressOf = ({ host, port }: Sshd) => ({ host, port })

describe('a console behind a gateway', needs('sshd', 'ssh-keygen'), () => {
  const { signal } = new AbortController()
  let folder: TestFolder
  let keys: Record<'gateway' | 'console' | 'other' | 'user', TestKey>
  let gateway: Sshd
  let console: Sshd
  let log = ''

  beforeAll(async () => {
    folder = makeFolder()
    keys = {
      gateway: makeKey(folder.path, 'gateway', 'ed25519'),
      console: makeKey(folder.path, 'console', 'rsa'),
      other: makeKey(folder.path, 'other', 'ed25519'),
      user: makeKey(folder.path, 'user', 'rsa'),
    }
    log = join(folder.path, 'console.log')
    gateway = await startSshd(folder, { hostKeys: [keys.gateway], authorized: [keys.user], command: '/bin/false' })
    console = await startSshd(folder, {
      hostKeys: [keys.console],
      authorized: [keys.user],
      command: 'echo the serial line',
      config: ['HostKeyAlgorithms ssh-rsa'],
      log,
    })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await console[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  function placeOf(fingerprint?: string, more: Partial<Place> = {}): Place {
    const fingerprints = fingerprint === undefined ? {} : { fingerprints: [fingerprint] }
    return {
      address: addressOf(console),
      username: console.username,
      isSha1Only: true,
      via: { address: addressOf(gateway), username: gateway.username, ...fingerprints },
      ...fingerprints,
      ...more,
    }
  }
  type Sources = NonNullable<Parameters<typeof createFinder>[1]>

  /** What the console says, or the error line. */
  async function visit(place: Place, sources: Sources = {}): Promise<string> {
    const finder = createFinder(makeTestFolder(), { identityFiles: [keys.user.file], ...sources })
    try {
      const access = await finder.findPlace(place, signal)
      await using connection = await connect({ ...access, signal, timeoutMs: 10_000 })
      return await new Promise<string>((resolve, reject) => {
        connection.client.shell(false, (error, channel) => {
          if (error !== undefined) return reject(error)
          let text = ''
          channel.on('data', (chunk: Buffer) => (text += chunk.toString()))
          return void channel.on('close', () => resolve(text.trim()))
        })
      })
    } catch (error) {
      return describeError(error)
    }
  }

  test.each([
    ["the gateway's, SHA-256", () => fingerprintOf(keys.gateway.blob)],
    ["the gateway's, MD5", () => md5Of(keys.gateway)],
    ["the gateway's, MD5 with its name", () => `MD5:${md5Of(keys.gateway)}`],
  ])('is reached with the fingerprint of the API: %s', async (_name, fingerprint) => {
    expect(await visit(placeOf(fingerprint()))).toBe('the serial line')
  })

  test('proves its key with SHA-1 behind the gateway', async () => {
    await visit(placeOf(fingerprintOf(keys.gateway.blob)))
    expect(readFileSync(log, 'utf8')).toMatch(/kex: host key algorithm: ssh-rsa/)
  })

  test.each([
    ['signer', /^the server accepts RSA keys only with SHA-1$/],
    ['sha1Signer', /^valid$/],
  ] as const)('an RSA key signs with SHA-1 only where that is allowed: %s', async (name, outcome) => {
    const key = parseIdentity(readFileSync(makeKey(folder.path, `pem-${name}`, 'rsa').file, 'utf8'), 'it')
    const data = Buffer.from('the session')
    const parsed = [ssh2.utils.parseKey(key.publicKey)].flat()[0]
    const said = await new Promise<string>((resolve, reject) => {
      if (parsed === undefined || parsed instanceof Error) return reject(new Error('no key'))
      return key[name].sign(parsed, data, { hash: 'sha1' }, (error, signature = Buffer.alloc(0)) => {
        resolve(error?.message ?? (parsed.verify(data, signature, 'sha1') ? 'valid' : 'invalid'))
      })
    })
    expect(said).toMatch(outcome)
  })

  test('is not reached with SHA-1 if the place does not say so', async () => {
    const place = placeOf(fingerprintOf(keys.gateway.blob), { isSha1Only: false })
    expect(await visit(place)).toMatch(/^console: .* cannot agree: .*host key/)
  })

  test('is not reached with SHA-1 without a gateway', async () => {
    const { via: _, ...direct } = placeOf(fingerprintOf(keys.console.blob))
    expect(await visit(direct)).toMatch(/^console: .* cannot agree: .*host key/)
  })

  test('a gateway with another key is refused, and nothing behind it is asked', async () => {
    const said = await visit(placeOf(fingerprintOf(keys.other.blob)))
    expect(said).toMatch(new RegExp(`^console: "127.0.0.1:${gateway.port}" is not a known host`))
    expect(await visit(placeOf(fingerprintOf(keys.console.blob)))).toMatch(/is not a known host/)
  })

  test('a gateway without a fingerprint is known from known_hosts, is pinned, or is accepted with accept-new', async () => {
    expect(await visit(placeOf())).toMatch(/is not a known host/)
    const known = folder.write('known', `[127.0.0.1]:${gateway.port} ${keys.gateway.line}\n`)
    expect(await visit(placeOf(), { knownHostsFile: known })).toBe('the serial line')
    expect(await visit(placeOf(), { pins: [fingerprintOf(keys.gateway.blob)] })).toBe('the serial line')
    expect(await visit(placeOf(), { pins: [fingerprintOf(keys.other.blob)] })).toMatch(
      /presents the key .*, not SHA256/,
    )
    const fresh = folder.write('fresh', '')
    expect(await visit(placeOf(), { knownHostsFile: fresh, acceptNew: true })).toBe('the serial line')
    // The console's own key belongs to the tunnel, and is not stored.
    expect(readFileSync(fresh, 'utf8').match(/ssh-\S+ \S+/g)).toEqual([keys.gateway.line])
  })

  test("the API's fingerprint counts before an outdated line, but not before a revocation", async () => {
    const place = placeOf(fingerprintOf(keys.gateway.blob))
    const outdated = folder.write('outdated', `[127.0.0.1]:${gateway.port} ${keys.other.line}\n`)
    expect(await visit(place, { knownHostsFile: outdated })).toBe('the serial line')
    const revoked = folder.write('revoked', `@revoked * ${keys.gateway.line}\n`)
    expect(await visit(place, { knownHostsFile: revoked })).toMatch(/which \S+:1 revokes/)
  })

  test('a console that is known with another key is refused', async () => {
    const known = folder.write('changed', `[127.0.0.1]:${console.port} ${keys.other.line}\n`)
    const said = await visit(placeOf(fingerprintOf(keys.gateway.blob)), { knownHostsFile: known })
    expect(said).toMatch(/not the one known from \S+:1; someone may be intercepting/)
  })

  test('a key made for the run logs in on both hops, without any other key', async () => {
    const pair = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    })
    const { publicKey } = parseIdentity(pair.privateKey, 'it')
    const made: TestKey = { file: '', line: publicKey, base64: '', blob: Buffer.alloc(0) }
    await using first = await startSshd(folder, { hostKeys: [keys.gateway], authorized: [made] })
    await using second = await startSshd(folder, {
      hostKeys: [keys.console],
      authorized: [made],
      command: 'echo made',
      config: ['HostKeyAlgorithms ssh-rsa'],
    })
    const place = {
      ...placeOf(fingerprintOf(keys.gateway.blob)),
      address: addressOf(second),
      via: {
        address: addressOf(first),
        username: first.username,
        fingerprints: [fingerprintOf(keys.gateway.blob)],
      },
    }
    expect(await visit({ ...place, privateKey: pair.privateKey }, { identityFiles: [] })).toBe('made')
    const said = await visit(place)
    expect(said).toMatch(/accepts none of the keys offered/)
    expect(said).not.toContain('PRIVATE')
  })

  test('only the key of the place is offered', async () => {
    const extra = makeKey(folder.path, 'extra', 'ed25519')
    const place = placeOf(fingerprintOf(keys.gateway.blob), { publicKey: extra.line })
    const said = await visit(place, { identityFiles: [keys.user.file, extra.file] })
    expect(said).toMatch(/accepts none of the keys offered: \S+extra \(ssh-ed25519\);/)
  })
})
