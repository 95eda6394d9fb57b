import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { describeError } from '../../src/errors.ts'
import { fingerprintOfKey, readProfile } from '../../src/oci/config-file.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { createRecorder } from '../helpers/recorder.ts'

const tenancy = 'ocid1.tenancy.oc1..aaaatenancy'
const user = 'ocid1.user.oc1..aaaauser'
const nowMs = Date.UTC(2026, 10, 28)
const passphrase = 'open # sesame'

let pem = ''
let locked = ''
let fingerprint = ''
beforeAll(() => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()
  fingerprint = fingerprintOfKey(privateKey)
})

/** A home folder whose ~/.oci holds the files, all private. */
function makeHome(files: Record<string, string>): string {
  const home = makeTestFolder()
  mkdirSync(join(home, '.oci'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, '.oci', name), text, { mode: 0o600 })
  return home
}

function configOf(settings: Record<string, string>, heading = 'DEFAULT'): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  return `[${heading}]\n${lines.join('')}`
}

const usual = () => ({ user, fingerprint, key_file: '~/.oci/key.pem', tenancy, region: 'us-ashburn-1' })

async function read(files: Record<string, string>, more: Partial<Parameters<typeof readProfile>[0]> = {}) {
  const report = createRecorder()
  const home = makeHome(files)
  const profile = await readProfile({
    file: undefined,
    profile: undefined,
    nowMs,
    prompter: undefined,
    report,
    ...more,
    env: { HOME: home, ...more.env },
  })
  return { profile, report, home }
}

async function refusalOf(files: Record<string, string>, more: Partial<Parameters<typeof readProfile>[0]> = {}) {
  const error: unknown = await read(files, more).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return describeError(error).replaceAll(/\/\S*metalkit-test-\w+/g, 'HOME')
}

describe('a profile', () => {
  test('names the key as the API does', async () => {
    const { profile, report } = await read({ config: configOf(usual()), 'key.pem': `${pem}OCI_API_KEY\n` })
    expect(profile).toMatchObject({
      name: 'DEFAULT',
      tenancy,
      region: 'us-ashburn-1',
      keyId: `${tenancy}/${user}/${fingerprint}`,
    })
    expect(profile.key.equals(createPrivateKey(pem))).toBe(true)
    expect(report.lines).toEqual([])
  })

  test('inherits from DEFAULT, and is named by OCI_CLI_PROFILE; the flag overrides that', async () => {
    const config = `${configOf(usual())}[eu]\nregion = eu-frankfurt-1\n[uk]\nregion: uk-london-1\n`
    const files = { config, 'key.pem': pem }
    const env = { OCI_CLI_PROFILE: 'eu' }
    expect((await read(files, { env })).profile).toMatchObject({ name: 'eu', region: 'eu-frankfurt-1', tenancy })
    expect((await read(files, { env, profile: 'uk' })).profile).toMatchObject({ name: 'uk', region: 'uk-london-1' })
  })

  test('lies in the file of OCI_CLI_CONFIG_FILE; the flag overrides that', async () => {
    const home = makeHome({ 'key.pem': pem, other: configOf({ ...usual(), region: 'uk-london-1' }) })
    const env = { HOME: home, OCI_CLI_CONFIG_FILE: join(home, '.oci', 'other') }
    expect((await read({}, { env })).profile.region).toBe('uk-london-1')
    expect(await refusalOf({}, { env, file: '~/nowhere' })).toBe(
      'usage: the OCI config file "HOME/nowhere" does not exist; correct --config-file (OCI_CLI_CONFIG_FILE)',
    )
  })

  test('warns of a key file that others can read', async () => {
    const home = makeHome({ config: configOf(usual()), 'key.pem': pem })
    chmodSync(join(home, '.oci', 'key.pem'), 0o644)
    const { report } = await read({}, { env: { HOME: home } })
    expect(report.lines).toEqual([
      `others on this computer can read "${home}/.oci/key.pem"; run chmod 600 ${home}/.oci/key.pem`,
    ])
  })

  test('signs with a session token, which needs no user', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: nowMs / 1000 + 60 })).toString('base64url')
    const files = {
      config: configOf({
        tenancy,
        region: 'us-ashburn-1',
        key_file: '~/.oci/key.pem',
        security_token_file: '~/.oci/token',
      }),
      'key.pem': pem,
      token: `e30.${claims}.c2ln\n`,
    }
    expect((await read(files)).profile.keyId).toBe(`ST$e30.${claims}.c2ln`)
    expect(await refusalOf(files, { nowMs: nowMs + 60_000 })).toBe(
      'usage: the session token of the profile "DEFAULT" has expired; renew it with: oci session authenticate --profile-name DEFAULT',
    )
  })
})

describe('a locked key', () => {
  test('is unlocked by pass_phrase, in which # begins no comment', async () => {
    const { profile } = await read({ config: configOf({ ...usual(), pass_phrase: passphrase }), 'key.pem': locked })
    expect(profile.key.equals(createPrivateKey(pem))).toBe(true)
  })

  test('is unlocked in a terminal by asking, up to three times', async () => {
    const answers = ['wrong', passphrase]
    const prompter = { askSecret: async () => answers.shift() ?? '' }
    const { profile, report } = await read({ config: configOf(usual()), 'key.pem': locked }, { prompter })
    expect(profile.key.equals(createPrivateKey(pem))).toBe(true)
    expect(report.lines.join()).toMatch(/^that is not the passphrase of ".*key\.pem"$/)
    expect(report.lines.join()).not.toContain('wrong')
  })
})

const good = () => ({ config: configOf(usual()), 'key.pem': pem })
const without = (key: string) => configOf(Object.fromEntries(Object.entries(usual()).filter(([name]) => name !== key)))

test.each<[string, () => Record<string, string>, string, string?]>([
  [
    'no file',
    () => ({}),
    'the OCI config file "HOME/.oci/config" does not exist; create it with: oci setup config, or name another with --config-file',
  ],
  [
    'no such profile',
    good,
    'the profile "x" is not in the OCI config file "HOME/.oci/config"; name one of DEFAULT with --profile (OCI_CLI_PROFILE)',
    'x',
  ],
  [
    'an empty file',
    () => ({ config: '' }),
    'the profile "DEFAULT" is not in the OCI config file "HOME/.oci/config"; create it with: oci setup config',
  ],
  [
    'a line that is no setting',
    () => ({ ...good(), config: '[DEFAULT]\nuser\n' }),
    'the OCI config file "HOME/.oci/config" cannot be read: line 2: neither a [section] nor "name = value"; correct it; the oci program refuses it too',
  ],
  ...['user', 'fingerprint', 'key_file', 'tenancy', 'region'].map(
    (key): [string, () => Record<string, string>, string] => [
      `no ${key}`,
      () => ({ ...good(), config: without(key) }),
      `the profile "DEFAULT" in "HOME/.oci/config" has no ${key}; add it, or create it with: oci setup config`,
    ],
  ),
  [
    'a short region',
    () => ({ ...good(), config: configOf({ ...usual(), region: 'iad' }) }),
    'the region "iad" of the profile "DEFAULT" in "HOME/.oci/config" is not valid; it looks like us-ashburn-1',
  ],
  [
    'a user that is a name',
    () => ({ ...good(), config: configOf({ ...usual(), user: 'me@example.com' }) }),
    'the user "me@example.com" of the profile "DEFAULT" in "HOME/.oci/config" is not valid; it looks like ocid1.user.oc1.....',
  ],
  [
    'a SHA-256 fingerprint',
    () => ({ ...good(), config: configOf({ ...usual(), fingerprint: 'SHA256:abc' }) }),
    'the fingerprint "SHA256:abc" of the profile "DEFAULT" in "HOME/.oci/config" is not valid; it looks like 16 bytes as in 12:34:...',
  ],
  [
    'the fingerprint of another key',
    () => ({ ...good(), config: configOf({ ...usual(), fingerprint: Array(16).fill('00').join(':') }) }),
    `the fingerprint "${Array(16).fill('00').join(':')}" of the profile "DEFAULT" in "HOME/.oci/config" is not that of its key_file; the key's is FINGERPRINT: correct one of the two`,
  ],
  [
    'no key file',
    () => ({ config: configOf(usual()) }),
    'the key_file "HOME/.oci/key.pem" of the profile "DEFAULT" does not exist; correct key_file in the OCI config file',
  ],
  [
    'a key file that is none',
    () => ({ ...good(), 'key.pem': 'hello' }),
    'the key_file "HOME/.oci/key.pem" of the profile "DEFAULT" is not a private key in PEM; name the private half of an RSA key in PEM, which oci setup keys makes',
  ],
  [
    'a key that is not RSA',
    () => ({
      ...good(),
      'key.pem': generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }),
    'the key_file "HOME/.oci/key.pem" of the profile "DEFAULT" is not an RSA key; name the private half of an RSA key in PEM, which oci setup keys makes',
  ],
  [
    'a locked key without a terminal',
    () => ({ ...good(), 'key.pem': locked }),
    'the key_file "HOME/.oci/key.pem" of the profile "DEFAULT" is locked by a passphrase; set pass_phrase in the profile, or run in a terminal to be asked',
  ],
  [
    'a locked key with another passphrase',
    () => ({ config: configOf({ ...usual(), pass_phrase: 'hush-hush' }), 'key.pem': locked }),
    'the key_file "HOME/.oci/key.pem" of the profile "DEFAULT" is locked by another passphrase; correct pass_phrase in the profile',
  ],
  [
    'an empty session token',
    () => ({ ...good(), config: configOf({ ...usual(), security_token_file: '~/.oci/token' }), token: '\n' }),
    'the security_token_file "HOME/.oci/token" of the profile "DEFAULT" holds no session token; renew it with: oci session authenticate --profile-name DEFAULT',
  ],
])('%s is refused in one line', async (_name, files, line, profile) => {
  const said = await refusalOf(files(), { profile })
  expect(said.replace(fingerprint, 'FINGERPRINT')).toBe(`usage: ${line}`)
  for (const secret of ['hush-hush', ...pem.split('\n').slice(1, 3)]) expect(said).not.toContain(secret)
})
