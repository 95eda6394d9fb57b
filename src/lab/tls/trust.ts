// The files and variables that make clients trust a lab. Most of the variables replace the system's certificates, so their
// file contains these too.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'

import { replaceFile } from '../../files/atomic-file.ts'

/** Where systems keep the certificates that they trust: Debian, Fedora, openSUSE, RHEL, and Alpine, macOS and BSD. */
const systemFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** Variables that replace the system's certificates: OpenSSL, Go and Ruby; Python's requests; curl. */
const replacing = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE']
/** Node's own certificates stay. */
const adding = 'NODE_EXTRA_CA_CERTS'

/** Other users, such as the user of a container, may read certificates. */
const readable = 0o644

/** The certificates in a text, PEM. */
function findCertificates(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

async function readCertificates(path: string): Promise<string[]> {
  return findCertificates(await readFile(path, 'utf8').catch(() => ''))
}

async function readSystemCertificates(): Promise<readonly string[]> {
  for (const path of systemFiles) {
    const certificates = await readCertificates(path)
    if (certificates.length > 0) return certificates
  }
  return rootCertificates
}

/** The certificates that the variables name, which may be the file of another lab. */
async function readNamedCertificates(env: Record<string, string | undefined>): Promise<string[]> {
  const paths = new Set([...replacing, adding].map((name) => env[name] ?? '').filter((path) => path !== ''))
  return (await Promise.all([...paths].map(readCertificates))).flat()
}

/**
 * Writes the certificates that clients of a lab need to the folder, and returns the variables that name them.
 * `own` is the certificate of the lab's authority; without it `server` is a server's certificate with its chain.
 */
export async function writeTrust(
  folder: string,
  certificates: { own: string } | { server: string },
  env: Record<string, string | undefined>,
): Promise<Record<string, string>> {
  const isOwn = 'own' in certificates
  const text = isOwn ? certificates.own : certificates.server
  const system = await readSystemCertificates()
  const usual = [...system, ...(isOwn ? findCertificates(text) : [])]
  const named = await readNamedCertificates(env)
  const all = [...new Set([...usual, ...named, ...findCertificates(text)])]
  const others = all.filter((certificate) => !usual.includes(certificate))
  // Each set has a file of its own: another lab must not replace the file that a shell uses, even after its lab has ended.
  const digest = createHash('sha256')
    .update([...others, text].join('\n'))
    .digest('hex')
  const suffix = isOwn && others.length === 0 ? '' : `-${digest.slice(0, 16)}`
  const bundle = join(folder, `bundle${suffix}.pem`)
  await replaceFile(bundle, `${all.join('\n')}\n`, readable)
  const variables = Object.fromEntries([...replacing, adding].map((name) => [name, bundle]))
  if (!isOwn) return variables
  const alone = join(folder, 'ca.pem')
  await replaceFile(alone, text, readable)
  // Node reads a short file faster.
  return others.length > 0 ? variables : { ...variables, [adding]: alone }
}
