// The labs' certificate authority: created once, kept in the state folder, and replaced before it expires.
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { LabError } from '../../errors.ts'
import { errorCode } from '../../text/system-error.ts'
import { createPrivateFile, writePrivateFile } from '../storage/private-file.ts'
import { issueAuthority, issueServer, type KeyPair } from './certificate.ts'

const name = 'metalkit lab certificate authority'
const dayMs = 24 * 60 * 60 * 1000
/** Clocks of machines and containers may be behind. */
const slackMs = dayMs
const authorityDays = 3650
/** An authority with less time left is replaced at the start of a lab. */
const authorityLeftDays = 365
/** Some clients accept no server certificate that is valid for more than 398 days. */
const serverDays = 90
/** A server certificate with less time left is replaced. */
export const serverLeftDays = 30

/** An authority that issues certificates for servers. */
export interface Authority {
  /** Its certificate, PEM. */
  cert: string
  /** Issues a certificate, which is valid for 90 days, for names and addresses. */
  issue(names: readonly string[], key: KeyObject): KeyPair
}

function validFor(days: number) {
  const nowMs = Date.now()
  return { from: new Date(nowMs - slackMs), to: new Date(nowMs + days * dayMs) }
}

/** Whether a certificate expires within some days. */
export function expiresWithin(cert: string, days: number): boolean {
  return Date.parse(new X509Certificate(cert).validTo) < Date.now() + days * dayMs
}

/** A new ECDSA key, the kind that all clients support. */
export function createKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
}

function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function createAuthority(): string {
  const key = createKey()
  return keyText(key) + issueAuthority({ name, key }, validFor(authorityDays))
}

async function readAuthority(path: string): Promise<{ key: KeyObject; cert: string } | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const certificate = new X509Certificate(text)
    const key = createPrivateKey(text)
    if (!certificate.checkPrivateKey(key)) throw new Error('the key is of another certificate')
    return { key, cert: certificate.toString() }
  } catch (cause) {
    throw new LabError(`"${path}" is not a certificate authority of a lab`, {
      hint: 'remove it; the next start creates a new one',
      cause,
    })
  }
}

/**
 * Loads the authority from `<folder>/authority.pem`, which only its owner can read; creates it if it is missing, and replaces it
 * in its last year.
 * @throws LabError if the file is damaged
 */
export async function loadAuthority(folder: string): Promise<Authority> {
  const path = join(folder, 'authority.pem')
  const present = await readAuthority(path)
  // If two labs start at the same time, both get the file that the first created.
  if (present === undefined) await createPrivateFile(path, createAuthority())
  else if (expiresWithin(present.cert, authorityLeftDays)) await writePrivateFile(path, createAuthority())
  const kept = await readAuthority(path)
  if (kept === undefined) throw new LabError(`"${path}" has been removed`)
  return {
    cert: kept.cert,
    issue: (names, key) => ({
      key: keyText(key),
      cert: issueServer(names, key, { name, key: kept.key }, validFor(serverDays)),
    }),
  }
}
