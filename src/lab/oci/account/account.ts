// The account of a lab's Oracle cloud: its tenancy, its user and their keys, in files as the Oracle tools expect them.
import { createHash, createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LabError } from '../../../errors.ts'
import { describeCondition, errorCode } from '../../../text/system-error.ts'
import { makeFolder } from '../../../files/make-folder.ts'
import { createPrivateFile, writePrivateFile } from '../../storage/private-file.ts'
import { globalOcid } from './ocid.ts'

/** The region that clients are told. It has one availability domain, so that a client needs not choose. */
export const regionName = 'us-sanjose-1'

/** The tenancy and its user. */
export interface Account {
  tenancyId: string
  /** The compartment in which the lab's network is. */
  compartmentId: string
  userId: string
  /** MD5 of the API key's public half (DER), in colon hex. */
  fingerprint: string
  publicKey: KeyObject
  /** A file in the form of ~/.oci/config, with the profiles DEFAULT and SESSION. */
  configPath: string
}

/** How long a session token lasts. */
const tokenSeconds = 24 * 3600

/** The fingerprint of a public key as the console shows it. */
export function apiKeyFingerprint(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('md5')
    .update(der)
    .digest('hex')
    .replaceAll(/(..)(?=.)/g, '$1:')
}

async function loadKey(path: string): Promise<{ pem: string; publicKey: KeyObject }> {
  const read = async () => await readFile(path, 'utf8')
  let pem: string
  try {
    pem = await read()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
    await createPrivateFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    // Another lab may have been faster.
    pem = await read()
  }
  try {
    return { pem, publicKey: createPublicKey(pem) }
  } catch (cause) {
    throw new LabError(`"${path}" is not a private key`, { hint: 'remove it; the next start creates a new one', cause })
  }
}

const encode = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url')

/** A session token: a JWT that names the session's public key, signed with the API key. */
function createToken(subject: string, tenancyId: string, sessionKey: KeyObject, signingKey: string): string {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const claims = {
    sub: subject,
    tenant: tenancyId,
    iat: nowSeconds,
    exp: nowSeconds + tokenSeconds,
    jwk: JSON.stringify(sessionKey.export({ format: 'jwk' })),
  }
  const text = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), signingKey).toString('base64url')}`
}

/**
 * Loads the account in `<stateFolder>/oci`, and creates what is missing. The session token is new each time.
 * @throws LabError if a key is damaged or the folder cannot be written
 */
export async function loadAccount(stateFolder: string): Promise<Account> {
  const folder = join(stateFolder, 'oci')
  const path = (name: string) => join(folder, name)
  try {
    await makeFolder(folder, 0o700)
    const [api, session] = await Promise.all([loadKey(path('api_key.pem')), loadKey(path('session_key.pem'))])
    const fingerprint = apiKeyFingerprint(api.publicKey)
    const tenancyId = globalOcid('tenancy', fingerprint)
    const userId = globalOcid('user', fingerprint)
    const compartmentId = globalOcid('compartment', fingerprint)
    await writePrivateFile(path('session_token'), createToken(userId, tenancyId, session.publicKey, api.pem))
    await writePrivateFile(
      path('config'),
      `[DEFAULT]
user=${userId}
fingerprint=${fingerprint}
key_file=${path('api_key.pem')}
tenancy=${tenancyId}
region=${regionName}

[SESSION]
fingerprint=${apiKeyFingerprint(session.publicKey)}
key_file=${path('session_key.pem')}
tenancy=${tenancyId}
region=${regionName}
security_token_file=${path('session_token')}
`,
    )
    return { tenancyId, compartmentId, userId, fingerprint, publicKey: api.publicKey, configPath: path('config') }
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new LabError(`cannot keep the keys of an Oracle cloud in "${folder}": ${describeCondition(cause)}`, {
      hint: 'set XDG_STATE_HOME to a folder of yours',
      cause,
    })
  }
}
