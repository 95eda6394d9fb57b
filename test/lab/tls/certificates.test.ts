// The labs' certificate authority and its certificates, as OpenSSL and Node read them.
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { createKey, loadAuthority } from '../../../src/lab/tls/authority.ts'
import { openTls } from '../../../src/lab/tls/lab-tls.ts'
import { writeTrust } from '../../../src/lab/tls/trust.ts'
import { needs } from '../../helpers/needs.ts'

const dayMs = 86_400_000
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metalkit-tls-'))
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(folder, { recursive: true })
})

/** Runs OpenSSL and returns its output. */
const openssl = async (...args: string[]) => (await promisify(execFile)('openssl', args)).stdout

const names = ['localhost', '127.0.0.1', '::1', '::ffff:192.0.2.1', '2001:db8::5', 'lab.example']

test('an authority is stored with its key, which only the owner can read; two labs at the same time share it', async () => {
  const [one, two] = await Promise.all([loadAuthority(folder), loadAuthority(folder)])
  expect(one.cert).toBe(two.cert)
  expect((await loadAuthority(folder)).cert).toBe(one.cert)
  expect((await stat(join(folder, 'authority.pem'))).mode & 0o777).toBe(0o600)
  const certificate = new X509Certificate(one.cert)
  expect([certificate.subject, certificate.ca, certificate.issuer]).toEqual([
    'CN=metalkit lab certificate authority',
    true,
    'CN=metalkit lab certificate authority',
  ])
})

test('a certificate is valid for its names and addresses, and for no others', async () => {
  const authority = await loadAuthority(folder)
  const certificate = new X509Certificate(authority.issue(names, createKey()).cert)
  const issuer = new X509Certificate(authority.cert)
  expect([certificate.checkIssued(issuer), certificate.verify(issuer.publicKey), certificate.ca]).toEqual([
    true,
    true,
    false,
  ])
  for (const name of ['localhost', 'LAB.example']) expect(certificate.checkHost(name), name).toBeDefined()
  for (const address of ['127.0.0.1', '::1', '2001:db8::5']) expect(certificate.checkIP(address), address).toBe(address)
  expect([certificate.checkHost('other.example'), certificate.checkIP('127.0.0.2')]).toEqual([undefined, undefined])
})

test('a long name does not become the name of the subject, which may have 64 characters only', async () => {
  const authority = await loadAuthority(folder)
  const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`
  const certificate = new X509Certificate(authority.issue([name], createKey()).cert)
  expect(certificate.subject).toBe('CN=metalkit lab')
  expect(certificate.checkHost(name)).toBeDefined()
})

test('OpenSSL verifies the chain strictly and reads every name', needs('openssl'), async () => {
  const authority = await loadAuthority(folder)
  const [ca, server] = [join(folder, 'ca'), join(folder, 'server')]
  await writeFile(ca, authority.cert)
  await writeFile(server, authority.issue(names, createKey()).cert)
  const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', ca]
  for (const name of ['localhost', 'lab.example']) {
    expect(await openssl(...verify, '-verify_hostname', name, server)).toBe(`${server}: OK\n`)
  }
  for (const address of ['127.0.0.1', '::1', '2001:db8::5']) {
    expect(await openssl(...verify, '-verify_ip', address, server)).toBe(`${server}: OK\n`)
  }
  await expect(openssl(...verify, '-verify_hostname', 'other.example', server)).rejects.toThrow(/hostname mismatch/i)
  const shown = await openssl('x509', '-in', server, '-noout', '-text')
  expect(shown).toContain('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  expect(shown).toContain('IP Address:2001:DB8:0:0:0:0:0:5')
  expect(shown).toContain('TLS Web Server Authentication')
})

test('an authority in its last year is replaced, an earlier one is not', async () => {
  const { cert } = await loadAuthority(folder)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3280 * dayMs })
  expect((await loadAuthority(folder)).cert).toBe(cert)
  vi.setSystemTime(Date.now() + 10 * dayMs)
  const next = await loadAuthority(folder)
  expect(next.cert).not.toBe(cert)
  expect(Date.parse(new X509Certificate(next.cert).validTo)).toBeGreaterThan(Date.now() + 3640 * dayMs)
})

test.each([
  ['nonsense', 'nonsense'],
  ['a certificate without its key', rootCertificates[0] ?? ''],
])('a damaged authority is refused: %s', async (_, text) => {
  await writeFile(join(folder, 'authority.pem'), text)
  await expect(loadAuthority(folder)).rejects.toMatchObject({
    name: 'LabError',
    message: `"${join(folder, 'authority.pem')}" is not a certificate authority of a lab`,
    hint: 'remove it; the next start creates a new one',
  })
})

describe('the variables', () => {
  const own = { own: '-----BEGIN CERTIFICATE-----\nb3du\n-----END CERTIFICATE-----\n' }
  const other = '-----BEGIN CERTIFICATE-----\nb3RoZXI\n-----END CERTIFICATE-----'

  test("a file has the system's certificates and the lab's; the file for Node has only the lab's", async () => {
    const variables = await writeTrust(folder, own, {})
    const bundle = join(folder, 'bundle.pem')
    expect(variables).toEqual({
      SSL_CERT_FILE: bundle,
      REQUESTS_CA_BUNDLE: bundle,
      CURL_CA_BUNDLE: bundle,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    })
    expect(await readFile(join(folder, 'ca.pem'), 'utf8')).toBe(own.own)
    const text = await readFile(bundle, 'utf8')
    expect(text).toContain(own.own)
    expect(text.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(20)
    expect((await stat(bundle)).mode & 0o777).toBe(0o644)
  })

  test.each(['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'])(
    'certificates named by %s stay trusted',
    async (name) => {
      const path = join(folder, '..', `other-${process.pid}.pem`)
      await writeFile(path, `${other}\n`)
      const variables = await writeTrust(folder, own, { [name]: path })
      for (const file of Object.values(variables)) expect(await readFile(file, 'utf8')).toContain(other)
      await rm(path)
      const before = await readFile(variables['SSL_CERT_FILE'] ?? '', 'utf8')
      // A lab inside this one, and one that another shell starts.
      expect(await writeTrust(folder, own, variables)).toEqual(variables)
      await writeTrust(folder, own, {})
      expect(await readFile(variables['SSL_CERT_FILE'] ?? '', 'utf8')).toBe(before)
    },
  )

  test('a lab inside a lab needs no other files', async () => {
    const variables = await writeTrust(folder, own, {})
    expect(await writeTrust(folder, own, variables)).toEqual(variables)
  })
})

test('a certificate is issued for each name that a client asks for, and again before it expires', async () => {
  const tls = await openTls({ env: {} }, '127.0.0.1', '127.0.0.1', folder)
  const first = tls.contextFor('API.Packet.Net')
  expect(tls.contextFor()).toBe(tls.contextFor('localhost'))
  expect(tls.contextFor('api.packet.net')).toBe(tls.contextFor())
  expect(tls.contextFor('x.example')).not.toBe(first)
  expect(tls.contextFor('x.example')).toBe(tls.contextFor('X.example'))
  expect(tls.contextFor('bad name\n')).toBe(tls.contextFor())
  const early = tls.contextFor()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 59 * dayMs })
  expect(tls.contextFor()).toBe(early)
  vi.setSystemTime(Date.now() + 2 * dayMs)
  expect(tls.contextFor()).not.toBe(early)
})
