// The certificates of a lab's server: the user's, or from the labs' own authority for every name that a client asks for.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { createSecureContext, type SecureContext } from 'node:tls'

import { LabError } from '../../errors.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import { makeFolder } from '../../files/make-folder.ts'
import { type Authority, createKey, expiresWithin, loadAuthority, serverLeftDays } from './authority.ts'
import type { KeyPair } from './certificate.ts'
import { writeTrust } from './trust.ts'

/** TLS for a lab's server. */
export interface LabTls {
  /** The certificate for a client that asks for a server name; without one it uses an address. It never expires. */
  contextFor: (serverName?: string) => SecureContext
  /** The variables that make clients trust it. */
  variables: Record<string, string>
}

/** The user's certificate with its chain, and its key. */
export interface UserCertificate {
  cert: Buffer
  key: Buffer
  /** The certificate's file. */
  path: string
}

type Environment = Record<string, string | undefined>

/** How a lab speaks TLS: with the user's certificate, or with its own. */
export interface TlsChoice {
  userCertificate?: UserCertificate | undefined
  /** The environment, whose certificates stay trusted. */
  env: Environment
}

/** The names that existing clients have compiled in, and the address of this computer in QEMU's network. */
const wellKnown = ['api.equinix.com', 'api.packet.net', '10.0.2.2']

/** The maximum number of requested names that have a certificate at a time. */
const maxNames = 100

/** The names and addresses at which a server on a host is reached. */
function namesOf(host: string): string[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const isEverywhere = ['', '0.0.0.0', '::'].includes(host)
  const addresses = interfaces.filter(({ scopeid }) => (scopeid ?? 0) === 0).map(({ address }) => address)
  const hosts = isEverywhere ? addresses : [host]
  return [...new Set(['localhost', '127.0.0.1', '::1', ...wellKnown, hostname(), ...hosts])].filter(
    (name) => isIP(name) !== 0 || isServerName(name),
  )
}

function isServerName(text: string): boolean {
  return text.length <= 253 && /^[a-z\d]([\w-]*[a-z\d])?(\.[a-z\d]([\w-]*[a-z\d])?)*$/i.test(text)
}

/** Issues certificates as clients ask for names, and new ones before they expire. */
class OwnCertificates {
  readonly #authority: Authority
  readonly #names: readonly string[]
  readonly #key = createKey()
  readonly #issued = new Map<string, KeyPair & { context: SecureContext }>()

  constructor(authority: Authority, names: readonly string[]) {
    this.#authority = authority
    this.#names = names
  }

  contextFor(serverName = ''): SecureContext {
    const other = isServerName(serverName) && !this.#names.includes(serverName) ? serverName.toLowerCase() : ''
    const present = this.#issued.get(other)
    if (present !== undefined && !expiresWithin(present.cert, serverLeftDays)) return present.context
    const pair = this.#authority.issue(other === '' ? this.#names : [other, ...this.#names], this.#key)
    const context = createSecureContext({ key: pair.key, cert: pair.cert + this.#authority.cert })
    if (this.#issued.size >= maxNames) this.#issued.clear()
    this.#issued.set(other, { ...pair, context })
    return context
  }
}

/** Uses the user's certificate. @throws LabError if it is not valid for the host by which clients reach the lab */
async function useCertificate(files: UserCertificate, host: string, folder: string, env: Environment): Promise<LabTls> {
  const certificate = new X509Certificate(files.cert)
  const match = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)
  if (match === undefined) {
    const names = (certificate.subjectAltName ?? '').replaceAll(/(DNS|IP Address):/g, '')
    throw new LabError(`the certificate "${files.path}" is not valid for "${host}"`, {
      hint:
        names === ''
          ? 'create one with this name as subjectAltName'
          : `name a host in --port that it is valid for (${names})`,
    })
  }
  const context = createSecureContext({ cert: files.cert, key: files.key })
  const variables = await writeTrust(folder, { server: files.cert.toString('latin1') }, env)
  return { contextFor: () => context, variables }
}

/**
 * Prepares TLS for a server that listens on a host, with files in the folder.
 * @throws LabError if the user's certificate does not fit, or the authority cannot be kept
 */
export async function openTls(
  { userCertificate, env }: TlsChoice,
  listenHost: string,
  reachableHost: string,
  folder: string,
): Promise<LabTls> {
  try {
    await makeFolder(folder, 0o700)
    if (userCertificate !== undefined) return await useCertificate(userCertificate, reachableHost, folder, env)
    const authority = await loadAuthority(folder)
    const own = new OwnCertificates(authority, namesOf(listenHost))
    const variables = await writeTrust(folder, { own: authority.cert }, env)
    return { contextFor: (name) => own.contextFor(name), variables }
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new LabError(`cannot keep certificates in "${folder}": ${describeCondition(cause)}`, {
      hint: 'set XDG_STATE_HOME to a folder of yours',
      cause,
    })
  }
}
