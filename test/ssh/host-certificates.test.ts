// Hosts with certificates, created by ssh-keygen and presented by sshd: our decisions compared with ssh's.
import { execFileSync } from 'node:child_process'
import { renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askCertificate } from '../../src/ssh/ask-certificate.ts'
import { dial } from '../../src/ssh/dial.ts'
import { checkCertificate, parseCertificate } from '../../src/ssh/host-certificate.ts'
import type { Verdict } from '../../src/ssh/known-hosts.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { startSshd, type TestKey } from '../helpers/sshd.ts'
import { compare, type Host, hostKeyKinds, makeHostKeys } from './host-judges.ts'

/** Creates a certificate with ssh-keygen. @returns the line that makes sshd present it */
function certify(key: TestKey, authority: TestKey, ...args: string[]): string {
  const name = `${key.file}-${Math.random().toString(36).slice(2)}-cert.pub`
  const words = ['-q', '-s', authority.file, '-I', 'host', '-h', ...args, `${key.file}.pub`]
  execFileSync('ssh-keygen', words, { stdio: 'ignore' })
  renameSync(`${key.file}-cert.pub`, name)
  return `HostCertificate ${name}`
}

/** Whether these bytes are a valid certificate for a.example. */
function vouches(bytes: Buffer): boolean {
  const certificate = parseCertificate(bytes)
  return certificate !== undefined && checkCertificate(certificate, 'a.example', Date.now()) === undefined
}

describe('host certificates, compared with OpenSSH', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  let folder: TestFolder
  let keys: ReturnType<typeof makeHostKeys>
  beforeAll(() => {
    folder = makeFolder()
    const authorities = ['authority', 'by-ecdsa-256', 'by-ecdsa-384', 'by-ecdsa-521', 'by-rsa']
    keys = makeHostKeys(folder, 'other', 'stranger', ...authorities)
  })
  afterAll(() => folder[Symbol.dispose]())

  /** Hosts, with ssh-keygen's arguments for their certificate: key, authority, and options. */
  const certificates: Record<string, [key: string, authority: string, ...args: string[]]> = {
    good: ['ed25519', 'authority', '-n', 'a.example,c.example'],
    'for anyone': ['ed25519', 'authority'],
    'for another host': ['ed25519', 'authority', '-n', 'b.example'],
    'for a pattern': ['ed25519', 'authority', '-n', '*.example'],
    expired: ['ed25519', 'authority', '-V', '20200101:20210101'],
    early: ['ed25519', 'authority', '-V', '20900101:20910101'],
    conditional: ['ed25519', 'authority', '-O', 'critical:x@example=1'],
    'signed with SHA-1': ['ed25519', 'by-rsa', '-t', 'ssh-rsa'],
    'of the second key': ['rsa', 'authority'],
    ...Object.fromEntries(hostKeyKinds.map((kind) => [kind, [kind, 'authority']])),
    ...Object.fromEntries(
      ['by-ecdsa-256', 'by-ecdsa-384', 'by-ecdsa-521', 'by-rsa'].map((by) => [by, ['ed25519', by]]),
    ),
  }

  function makeHost(name: string): Host {
    const [key = 'ed25519', authority = '', ...args] = certificates[name] ?? []
    const all = name === 'of the second key' ? [keys.get('ed25519'), keys.get(key)] : [keys.get(key)]
    if (authority === '') return { keys: all }
    return { keys: all, config: [certify(keys.get(key), keys.get(authority), ...args)] }
  }

  type Row = [host: string, lines: string, kind: Verdict['kind'], words?: RegExp | undefined, place?: [string, number]]
  test.each<Row>([
    ['good', '@cert-authority a.example AUTHORITY', 'trusted'],
    ['good', '@cert-authority *.example AUTHORITY', 'trusted'],
    ['good', '@cert-authority *.example,!a.example AUTHORITY', 'unknown', /is not a known host; it presents/],
    ['good', '@cert-authority b.example AUTHORITY', 'unknown', /is not a known host; it presents/],
    [
      'good',
      '@cert-authority * STRANGER',
      'unknown',
      /known-\w+:1, but it presents a certificate of another authority, ssh-/,
    ],
    ['good', '@cert-authority * STRANGER\n@cert-authority * AUTHORITY', 'trusted'],
    ['good', 'a.example AUTHORITY', 'changed'],
    ['good', 'a.example ED25519', 'trusted'],
    ['good', 'a.example OTHER', 'changed'],
    ['good', 'a.example OTHER\n@cert-authority * AUTHORITY', 'trusted'],
    ['good', 'a.example RSA\n@cert-authority * AUTHORITY', 'trusted'],
    ['good', 'a.example ED25519\n@cert-authority * STRANGER', 'trusted'],
    ['good', '@cert-authority * AUTHORITY\n@revoked * AUTHORITY', 'revoked'],
    ['good', '@cert-authority * AUTHORITY\n@revoked * ED25519', 'revoked'],
    ['good', '@cert-authority * AUTHORITY\n@revoked * STRANGER', 'trusted'],
    ['good', 'a.example ED25519\n@revoked * AUTHORITY', 'revoked'],
    ['good', '@cert-authority [a.example]:2222 AUTHORITY', 'trusted', undefined, ['a.example', 2222]],
    ['good', '@cert-authority a.example AUTHORITY', 'trusted', undefined, ['a.example', 2222]],
    ['good', '@cert-authority [a.example]:2222 AUTHORITY', 'unknown'],
    ['good', '@cert-authority * AUTHORITY', 'trusted', undefined, ['C.EXAMPLE', 22]],
    ['for anyone', '@cert-authority * AUTHORITY', 'trusted'],
    [
      'for another host',
      '@cert-authority * AUTHORITY',
      'unknown',
      /but it presents a certificate that is for b\.example\)/,
    ],
    ['for another host', '@cert-authority * AUTHORITY\na.example ED25519', 'trusted'],
    ['for a pattern', '@cert-authority * AUTHORITY', 'unknown', /that is for \*\.example/],
    ['expired', '@cert-authority * AUTHORITY', 'unknown', /that expired on 202[01]-/],
    ['early', '@cert-authority * AUTHORITY', 'unknown', /that is not valid before 20(89|90)-/],
    ['conditional', '@cert-authority * AUTHORITY', 'unknown', /that has unknown critical options/],
    ['signed with SHA-1', '@cert-authority * BY-RSA', 'unknown', /that is not signed by the authority it names/],
    ['of the second key', '@cert-authority * AUTHORITY', 'trusted'],
    ['of the second key', 'a.example OTHER\n@cert-authority * AUTHORITY', 'trusted'],
    ['of the second key', 'a.example OTHER\n@cert-authority * STRANGER', 'changed'],
    ['none', '@cert-authority * AUTHORITY', 'unknown', /but it presents no certificate\); it presents the key/],
    ['none', '@cert-authority * AUTHORITY\na.example ED25519', 'trusted'],
    ...hostKeyKinds.map((kind): Row => [kind, '@cert-authority * AUTHORITY', 'trusted']),
    ...['by-ecdsa-256', 'by-ecdsa-384', 'by-ecdsa-521', 'by-rsa'].map((by): Row => [
      by,
      `@cert-authority * ${by.toUpperCase()}`,
      'trusted',
    ]),
  ])('%s: %s', async (name, lines, kind, words, [host, port] = ['a.example', 22]) => {
    const answer = await compare(folder, makeHost(name), keys.fill(lines), { host, port })
    expect(answer.kind, answer.said).toBe(kind)
    if (words !== undefined) expect(answer.said).toMatch(words)
  })

  const never = new AbortController().signal
  async function ask(host: Host): Promise<Buffer | undefined> {
    await using sshd = await startSshd(folder, { hostKeys: host.keys, config: host.config ?? [] })
    const limits = { signal: never, timeoutMs: 60_000 }
    return await askCertificate(await dial(sshd, limits), limits)
  }

  test.each(['curve25519-sha256', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384'])(
    'is requested with %s',
    async (method) => {
      const host = makeHost('good')
      const blob = await ask({ ...host, config: [...(host.config ?? []), `KexAlgorithms ${method}`] })
      expect(parseCertificate(blob ?? Buffer.alloc(0))?.key).toEqual(keys.get('ed25519').blob)
      expect(
        await ask({ ...host, config: [...(host.config ?? []), 'KexAlgorithms diffie-hellman-group14-sha256'] }),
      ).toBe(undefined)
    },
  )

  test('a certificate with one changed bit vouches for no host, and parsing always ends', async () => {
    const blob = (await ask(makeHost('good'))) ?? Buffer.alloc(0)
    expect(vouches(blob)).toBe(true)
    fc.assert(
      fc.property(fc.nat(blob.length * 8 - 1), (bit) => {
        const bent = Buffer.from(blob)
        bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        return !vouches(bent)
      }),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(fc.nat(blob.length - 1), (length) => !vouches(blob.subarray(0, length))))
  })

  test.each([
    ['sends nothing', ''],
    ['is not an SSH server', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['sends an invalid packet', 'SSH-2.0-x\r\n\u00ff\u00ff\u00ff\u00ff\u0001x'],
    ['sends an empty list', 'SSH-2.0-x\r\n\u0000\u0000\u0000\u000c\u0004\u0014aaaaaaaaaaa'],
    ['sends endlessly', 'x'.repeat(1_000_000)],
  ])('a host that %s has no certificate', async (_name, said) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write(Buffer.from(said, 'latin1'))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const stream = await dial({ host: '127.0.0.1', port }, { signal: never, timeoutMs: 60_000 })
    expect(await askCertificate(stream, { signal: never, timeoutMs: 500 })).toBe(undefined)
    server.close()
  })
})
