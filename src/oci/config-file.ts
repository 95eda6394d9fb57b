// Credentials as the oci program keeps them: a profile in ~/.oci/config, a key file, or the session token of `oci session
// authenticate` (oracle/oci-go-sdk, common/configuration_provider.go; oracle/oci-cli, src/oci_cli/cli_constants.py).
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { access, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { homeFolder } from '../files/home-folder.ts'
import type { Reporter } from '../io.ts'
import { convertPem, findPemBlock, type PemBlock } from '../ssh/pem-key.ts'
import type { Prompter } from '../ssh/prompter.ts'
import { IniError, parseIni, type Sections } from '../text/ini.ts'
import { readJson } from '../text/json.ts'
import type { Signatory } from './signer.ts'

/** Which profile of which file; undefined means the defaults of the oci program. */
export interface ConfigSources {
  file: string | undefined
  profile: string | undefined
  env: Record<string, string | undefined>
  /** Milliseconds since 1970, to see whether a session token has expired. */
  nowMs: number
  prompter: Pick<Prompter, 'askSecret'> | undefined
  report: Pick<Reporter, 'warn'>
}

/** A profile, ready to sign requests. */
export interface Profile extends Signatory {
  name: string
  tenancy: string
  region: string
}

const passphraseTries = 3
const setUp = 'create it with: oci setup config'

/** One profile, and what is needed to explain its faults. */
interface Section {
  name: string
  file: string
  settings: Map<string, string>
}

function expand(path: string, home: string): string {
  return path.replace(/^~(?=\/|$)/, home)
}

/** The profiles of the file. @throws UsageError if it cannot be read */
async function readProfiles(file: string, isNamed: boolean): Promise<Sections> {
  try {
    return parseIni(await readFile(file), { hasInlineComments: false, isDefaultSection: true })
  } catch (error) {
    const why = error instanceof IniError ? error.message : describeCondition(error)
    if (error instanceof IniError || !['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) {
      throw new UsageError(`the OCI config file "${file}" cannot be read: ${why}`, {
        hint: 'correct it; the oci program refuses it too',
      })
    }
    throw new UsageError(`the OCI config file "${file}" does not exist`, {
      hint: isNamed ? 'correct --config-file (OCI_CLI_CONFIG_FILE)' : `${setUp}, or name another with --config-file`,
    })
  }
}

function chooseSection(profiles: Sections, name: string, file: string): Section {
  const settings = profiles.get(name)
  if (settings !== undefined) return { name, file, settings }
  const known = [...profiles.keys()].join(', ')
  throw new UsageError(`the profile "${name}" is not in the OCI config file "${file}"`, {
    hint: known === '' ? setUp : `name one of ${known} with --profile (OCI_CLI_PROFILE)`,
  })
}

/** What each setting looks like. */
const forms: Record<string, { pattern: RegExp; like: string }> = {
  tenancy: { pattern: /^ocid1\.tenancy\.[\w.-]+$/, like: 'ocid1.tenancy.oc1.....' },
  user: { pattern: /^ocid1\.user\.[\w.-]+$/, like: 'ocid1.user.oc1.....' },
  fingerprint: { pattern: /^[0-9a-f]{2}(:[0-9a-f]{2}){15}$/i, like: '16 bytes as in 12:34:...' },
  region: { pattern: /^[a-z]+(-[a-z]+)+-\d+$/, like: 'us-ashburn-1' },
}

function requireSetting({ name, file, settings }: Section, key: string): string {
  const value = settings.get(key)
  if (!value) {
    throw new UsageError(`the profile "${name}" in "${file}" has no ${key}`, { hint: `add it, or ${setUp}` })
  }
  const form = forms[key]
  if (form === undefined || form.pattern.test(value)) return value
  throw new UsageError(`the ${key} "${value}" of the profile "${name}" in "${file}" is not valid`, {
    hint: `it looks like ${form.like}`,
  })
}

/** Reads a private file that the profile names, and warns if others can read it too. */
async function readPrivate(
  { name }: Section,
  key: string,
  path: string,
  report: ConfigSources['report'],
): Promise<string> {
  try {
    const text = await readFile(path, 'utf8')
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) report.warn(`others on this computer can read "${path}"; run chmod 600 ${path}`)
    return text
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${describeCondition(error)}`
    throw new UsageError(`the ${key} "${path}" of the profile "${name}" ${why}`, {
      hint: `correct ${key} in the OCI config file`,
    })
  }
}

/** Unlocks a key with pass_phrase, or by asking. */
async function unlock(section: Section, path: string, block: PemBlock, { prompter, report }: ConfigSources) {
  const configured = section.settings.get('pass_phrase')
  if (!block.encrypted || configured !== undefined) return convertPem(block, configured)
  if (prompter === undefined) return undefined
  for (let attempt = 1; attempt <= passphraseTries; attempt++) {
    const passphrase = await prompter.askSecret(`Passphrase of ${path}: `)
    if (passphrase === '') break
    const key = convertPem(block, passphrase)
    if (key.kind !== 'wrong-passphrase') return key
    report.warn(`that is not the passphrase of "${path}"`)
  }
  return undefined
}

/** The RSA key of key_file. */
async function loadKey(section: Section, home: string, sources: ConfigSources): Promise<KeyObject> {
  const path = expand(requireSetting(section, 'key_file'), home)
  const text = await readPrivate(section, 'key_file', path, sources.report)
  const refuse = (why: string, hint = 'name the private half of an RSA key in PEM, which oci setup keys makes') =>
    new UsageError(`the key_file "${path}" of the profile "${section.name}" ${why}`, { hint })
  const block = findPemBlock(text)
  if (block === undefined || block.kind === 'OPENSSH') throw refuse('is not a private key in PEM')
  const key = await unlock(section, path, block, sources)
  if (key === undefined)
    throw refuse('is locked by a passphrase', 'set pass_phrase in the profile, or run in a terminal to be asked')
  if (key.kind === 'wrong-passphrase')
    throw refuse('is locked by another passphrase', 'correct pass_phrase in the profile')
  if (key.kind === 'unusable') throw refuse(key.why)
  // Other types come back in other formats.
  if (!key.text.includes('BEGIN RSA PRIVATE KEY')) throw refuse('is not an RSA key')
  return createPrivateKey(key.text)
}

/** MD5 of the public key in DER, in colon hex: the name of an API key. */
export function fingerprintOfKey(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return (createHash('md5').update(der).digest('hex').match(/../g) ?? []).join(':')
}

/** When a session token, a JWT, expires; undefined if it has no expiry. */
function expiryMs(token: string): number | undefined {
  const claims = readJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  const end: unknown = typeof claims === 'object' && claims !== null ? Reflect.get(claims, 'exp') : undefined
  return typeof end === 'number' ? end * 1000 : undefined
}

async function readToken(section: Section, path: string, { nowMs, report }: ConfigSources): Promise<string> {
  const token = (await readPrivate(section, 'security_token_file', path, report)).trim()
  const renew = `renew it with: oci session authenticate --profile-name ${section.name}`
  if (!/^[\x21-\x7e]+$/.test(token) || token.includes('"')) {
    throw new UsageError(`the security_token_file "${path}" of the profile "${section.name}" holds no session token`, {
      hint: renew,
    })
  }
  if ((expiryMs(token) ?? Infinity) <= nowMs) {
    throw new UsageError(`the session token of the profile "${section.name}" has expired`, { hint: renew })
  }
  return token
}

/** The config file: --config-file, OCI_CLI_CONFIG_FILE, else ~/.oci/config. */
function configPath(file: string | undefined, env: ConfigSources['env']): string {
  const home = homeFolder(env)
  return expand(file ?? (env['OCI_CLI_CONFIG_FILE'] || join(home, '.oci', 'config')), home)
}

/** Whether there is a config file. */
export async function hasConfig(file: string | undefined, env: ConfigSources['env']): Promise<boolean> {
  return await access(configPath(file, env)).then(
    () => true,
    () => false,
  )
}

/**
 * Reads the profile, its key and its session token.
 * @throws UsageError naming the file, the profile and the setting that is wrong
 */
export async function readProfile(sources: ConfigSources): Promise<Profile> {
  const { file, profile, env } = sources
  const path = configPath(file, env)
  const profiles = await readProfiles(path, file !== undefined || Boolean(env['OCI_CLI_CONFIG_FILE']))
  const section = chooseSection(profiles, profile ?? (env['OCI_CLI_PROFILE'] || 'DEFAULT'), path)
  const [tenancy, region] = [requireSetting(section, 'tenancy'), requireSetting(section, 'region')]
  const home = homeFolder(env)
  const common = { name: section.name, tenancy, region }
  const tokenFile = section.settings.get('security_token_file')
  if (tokenFile) {
    const token = await readToken(section, expand(tokenFile, home), sources)
    return { ...common, keyId: `ST$${token}`, key: await loadKey(section, home, sources) }
  }
  const user = requireSetting(section, 'user')
  const fingerprint = requireSetting(section, 'fingerprint').toLowerCase()
  const key = await loadKey(section, home, sources)
  const actual = fingerprintOfKey(key)
  if (actual !== fingerprint) {
    throw new UsageError(
      `the fingerprint "${fingerprint}" of the profile "${section.name}" in "${path}" is not that of its key_file`,
      { hint: `the key's is ${actual}: correct one of the two` },
    )
  }
  return { ...common, keyId: `${tenancy}/${user}/${fingerprint}`, key }
}
