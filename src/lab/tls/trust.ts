// The files and variables that make clients trust a lab. Most of the variables replace the system's certificates, so their
// file contains these too.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
    const found = await readCertificates(path)
    if (found.length > 0) return found
  }
  return rootCertificates
}

/** The certificates that the user's variables name, except those of a lab around this one. */
async function readUserCertificates(folder: string, env: Record<string, string | undefined>): Promise<string[]> {
  const paths = [...replacing, adding].map((name) => env[name] ?? '')
  const foreign = [...new Set(paths)].filter((path) => path !== '' && dirname(path) !== folder)
  return (await Promise.all(foreign.map(readCertificates))).flat()
}

/**
 * Writes the certificates that clients of a lab need to the folder, and returns the variables that name them.
 * `own` is the certificate of the lab's authority; without it `given` is a server's certificate with its chain.
 */
export async function writeTrust(
  folder: string,
  certificates: { own: string } | { given: string },
  env: Record<string, string | undefined>,
): Promise<Record<string, string>> {
  const text = 'own' in certificates ? certificates.own : certificates.given
  const inUse = await readUserCertificates(folder, env)
  const all = [...new Set([...(await readSystemCertificates()), ...inUse, ...findCertificates(text)])]
  // Labs with the same certificate share its file: a shell may use it after the lab has ended.
  const suffix = 'own' in certificates ? '' : `-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
  const bundle = join(folder, `bundle${suffix}.pem`)
  await replaceFile(bundle, `${all.join('\n')}\n`, readable)
  const variables = Object.fromEntries([...replacing, adding].map((name) => [name, bundle]))
  if ('given' in certificates) return variables
  const alone = join(folder, 'ca.pem')
  await replaceFile(alone, text, readable)
  // Node reads a short file faster.
  return inUse.length > 0 ? variables : { ...variables, [adding]: alone }
}
