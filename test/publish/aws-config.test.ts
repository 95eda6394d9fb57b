import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readAwsConfig } from '../../src/publish/aws-config.ts'
import { parseIni } from '../../src/text/ini.ts'
import { needs } from '../helpers/needs.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { nowhere } from '../helpers/nowhere.ts'

const credentials = `
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = default/secret+x=

[lent]
aws_access_key_id=AKLENT
aws_secret_access_key=lent
aws_session_token=token==
`
const config = `
# a comment
[default]
region = eu-central-1
[profile lent]
region = us-west-2 # Oregon
endpoint_url = https://plain.example.com/
[profile store]
services = minio
endpoint_url = https://plain.example.com
aws_access_key_id = AKSTORE
aws_secret_access_key = store
[services minio]
s3 =
  endpoint_url = http://minio.example.com:9000
ec2 =
  endpoint_url = http://elsewhere.example.com
[profile sso]
sso_session = work
[profile role]
role_arn = arn:aws:iam::1:role/x
source_profile = default
aws_access_key_id = AKROLE
aws_secret_access_key = role
[profile odd]
aws_access_key_id = "AK 1"
aws_secret_access_key = hidden
[profile crooked]
endpoint_url = example.com
region = a/b
`

async function readFrom(env: Record<string, string>, files = { credentials, config }) {
  const home = makeTestFolder()
  await mkdir(join(home, '.aws'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(home, '.aws', name), text)
  return await readAwsConfig({ HOME: home, ...env })
}

const own = { accessKeyId: 'AKENV', secretAccessKey: 'env', origin: 'the environment' }
const inEnv = { AWS_ACCESS_KEY_ID: 'AKENV', AWS_SECRET_ACCESS_KEY: 'env' }
const profile = (name: string) => `the AWS profile "${name}"`

describe('readAwsConfig', () => {
  test.each([
    [
      {},
      { accessKeyId: 'AKDEFAULT', secretAccessKey: 'default/secret+x=', origin: profile('default') },
      { region: 'eu-central-1', endpoint: undefined },
    ],
    [inEnv, own, { region: 'eu-central-1', endpoint: undefined }],
    [
      { ...inEnv, AWS_SESSION_TOKEN: 't' },
      { ...own, sessionToken: 't' },
      { region: 'eu-central-1', endpoint: undefined },
    ],
    [{ ...inEnv, AWS_DEFAULT_REGION: 'x-1' }, own, { region: 'x-1', endpoint: undefined }],
    [{ ...inEnv, AWS_DEFAULT_REGION: 'x-1', AWS_REGION: 'x-2' }, own, { region: 'x-2', endpoint: undefined }],
    [
      { AWS_PROFILE: 'lent' },
      { accessKeyId: 'AKLENT', secretAccessKey: 'lent', sessionToken: 'token==', origin: profile('lent') },
      { region: 'us-west-2', endpoint: 'https://plain.example.com' },
    ],
    [
      { AWS_PROFILE: 'store' },
      { accessKeyId: 'AKSTORE', secretAccessKey: 'store', origin: profile('store') },
      { region: 'us-east-1', endpoint: 'http://minio.example.com:9000' },
    ],
    // Version 2 of the aws program; version 1 does the opposite.
    [
      { AWS_PROFILE: 'store', AWS_DEFAULT_PROFILE: 'lent' },
      { accessKeyId: 'AKSTORE', secretAccessKey: 'store', origin: profile('store') },
      { region: 'us-east-1', endpoint: 'http://minio.example.com:9000' },
    ],
    [{ ...inEnv, AWS_PROFILE: 'sso' }, own, { region: 'us-east-1', endpoint: undefined }],
  ])('%j', async (env, keys, rest) => {
    expect(await readFrom(env)).toEqual({ keys, addressing: 'auto', ...rest })
  })

  test.each<[Record<string, string>, string | RegExp]>([
    [{ AWS_PROFILE: 'none' }, /^the AWS profile "none" is neither in ".*config" nor in ".*credentials"$/],
    [
      { AWS_PROFILE: 'sso' },
      'the AWS profile "sso" gets its keys through sso_session, which metalkit does not support',
    ],
    [{ AWS_PROFILE: 'role' }, 'the AWS profile "role" gets its keys through role_arn, which metalkit does not support'],
    [{ AWS_PROFILE: 'odd' }, 'the AWS keys of the AWS profile "odd" contain characters that no key has'],
    [{ AWS_PROFILE: 'crooked', ...inEnv }, '"a/b" is not a valid AWS region'],
    [
      { AWS_PROFILE: 'crooked', AWS_REGION: 'x', ...inEnv },
      'the endpoint_url of the AWS profile "crooked" is not an http or https URL',
    ],
    [{ AWS_ACCESS_KEY_ID: 'AK' }, 'AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not'],
    [{ AWS_SECRET_ACCESS_KEY: 's' }, 'AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not'],
    [{ ...inEnv, AWS_SESSION_TOKEN: 'a\nb' }, 'the AWS keys of the environment contain characters that no key has'],
    [{ AWS_CONFIG_FILE: nowhere }, `the AWS file "${nowhere}" cannot be read: no such file or directory`],
  ])('refuses %j', async (env, message) => {
    const refused = readFrom(env)
    await expect(refused).rejects.toMatchObject({ name: 'UsageError' })
    await expect(refused).rejects.toThrow(message)
  })

  test('says what to do if there are no keys, or if the keys are not in a file', async () => {
    const empty = { credentials: '', config: '[default]\nregion = x' }
    await expect(readFrom({}, empty)).rejects.toThrow('no AWS keys found')
    const service = { AWS_WEB_IDENTITY_TOKEN_FILE: '/token' }
    await expect(readFrom(service, empty)).rejects.toThrow(
      'AWS_WEB_IDENTITY_TOKEN_FILE is set, but metalkit cannot get AWS keys that way',
    )
    await expect(readFrom({ AWS_PROFILE: 'sso' })).rejects.toMatchObject({
      hint: 'put them in the environment: eval "$(aws configure export-credentials --profile sso --format env)"',
    })
  })
})

test('keeps = and # in a value, but drops a comment after it', () => {
  const sections = parseIni(Buffer.from('[a]\r\nx=1=2\r\ny = p#q ; note\n\n[b]\nz=\n'))
  expect([...sections].map(([name, settings]) => [name, Object.fromEntries(settings)])).toEqual([
    ['a', { x: '1=2', y: 'p#q' }],
    ['b', { z: '' }],
  ])
})

const secretsOf = (name: string) => `aws_access_key_id = AK${name}\naws_secret_access_key = ${name}\n`

describe('reads files as the aws program does', needs('aws'), () => {
  test.each<[name: string, env: Record<string, string>, config: string, credentials?: string]>([
    ['AWS_DEFAULT_PROFILE', { AWS_DEFAULT_PROFILE: 'other' }, '[profile other]\nregion = o-1\n'],
    ['~', { AWS_CONFIG_FILE: '~/.aws/config', AWS_SHARED_CREDENTIALS_FILE: '~/.aws/credentials' }, ''],
    ['a variable', { AWS_CONFIG_FILE: '$HOME/.aws/config' }, '[default]\nregion = v-1\n'],
    ['upper case', {}, '[default]\nREGION = u-1\n', '[default]\nAWS_ACCESS_KEY_ID = AKU\nAWS_SECRET_ACCESS_KEY = u\n'],
    ['colons', {}, '[default]\nregion: c-1\n', '[default]\naws_access_key_id: AKC\naws_secret_access_key : a=b:c\n'],
    ['a name in quotes', { AWS_PROFILE: 'a b' }, `[profile "a b"]\nregion = q-1\n${secretsOf('Q')}`],
    ['a name in quotes, one word', { AWS_PROFILE: 'other' }, "[profile 'other']\nregion = q-2\n"],
    [
      'indented',
      {},
      '  [default]\n  region = i-1\n',
      '\t[default]\n\taws_access_key_id=AKI\n\taws_secret_access_key=i\n',
    ],
    ['more indented than its section', {}, '[default]\n   region = i-2\n   output = json\n'],
    ['a region among the secrets', {}, '[default]\nregion = a-1\n', `[default]\nregion = b-1\n${secretsOf('B')}`],
    ['[default] after [profile default]', {}, '[profile default]\nregion = p-1\n[default]\nregion = p-2\n'],
    ['[profile default] after [default]', {}, '[default]\nregion = p-3\n[profile default]\nregion = p-4\n'],
    [
      'Windows line ends',
      {},
      '[default]\r\nregion = w-1\r\n',
      `[default]\r\n${secretsOf('W').replaceAll('\n', '\r\n')}`,
    ],
    ['comments on lines of their own', {}, '# a\n; b\n[default] ; c\n# d\nregion = r-1\n'],
    ['spaces and tabs in a heading', { AWS_PROFILE: 'other' }, '[profile \t other]\nregion = t-1\n'],
    [
      'special characters in a secret',
      {},
      '',
      '[default]\naws_access_key_id = AKP\naws_secret_access_key = a%b/c+d#e;f==\n',
    ],
    ['a nested setting with a colon', {}, '[default]\ns3:\n\taddressing_style = virtual\nregion = n-2\n'],
    ['a section with the settings of all', {}, '[DEFAULT]\nregion = d-1\n[default]\noutput = json\n'],
    ['that section twice', {}, '[DEFAULT]\nregion = d-2\n[DEFAULT]\noutput = json\n[default]\n'],
    ['a space at the end of a heading', { AWS_PROFILE: 'other' }, '[profile other ]\nregion = h-1\n'],
    ['a line of Windows and an old Mac', {}, '[default]\routput = json\r\nregion = m-1\r'],
    ['an empty line in a nested setting', {}, '[default]\ns3 =\n\n  addressing_style = virtual\nregion = e-1\n'],
    ['no file, as a variable says', { AWS_CONFIG_FILE: '' }, ''],
    ['a nested setting', {}, '[default]\ns3 =\n  region = nested\n  addressing_style = virtual\nregion = n-1\n'],
  ])(
    '%s',
    async (_name, variables, settings, secrets = '') => {
      const home = makeTestFolder()
      await mkdir(join(home, '.aws'))
      const usual = ['default', 'other', 'third'].map((one) => `[${one}]\n${secretsOf(one)}`).join('')
      await writeFile(join(home, '.aws/config'), settings)
      await writeFile(join(home, '.aws/credentials'), secrets || usual)
      const env = { HOME: home, ...variables }
      const ask = (setting: string) => {
        const options = { env: { ...env, PATH: process.env['PATH'] }, encoding: 'utf8' as const }
        return execFileSync('aws', ['configure', 'get', setting], options).trim()
      }
      const { keys, region, addressing } = await readAwsConfig(env)
      expect([keys.accessKeyId, keys.secretAccessKey]).toEqual([ask('aws_access_key_id'), ask('aws_secret_access_key')])
      if (settings !== '') expect(region).toBe(ask('region'))
      const listed = execFileSync('aws', ['configure', 'list'], { env: { ...env, PATH: process.env['PATH'] } })
      // It shows the last four characters of each.
      expect(listed.toString()).toMatch(new RegExp(`access_key +\\*+${keys.accessKeyId.slice(-4)} `))
      if (settings !== '') expect(listed.toString()).toMatch(new RegExp(`region +${region} `))
      if (settings.includes('virtual')) expect(addressing).toBe(ask('s3.addressing_style'))
    },
    30_000,
  )
})

const key = secretsOf('KEYS')

describe('as the aws program refuses them', needs('aws'), () => {
  test.each<[name: string, why: string, config: string, credentials?: string, env?: Record<string, string>]>([
    ['a section twice', 'config" cannot be read: line 3: a second [default]', '[default]\nregion = a\n[default]\n'],
    ['a setting twice', 'line 3: a second "region" in [default]', '[default]\nregion = a\nRegion = b\n'],
    ['a secret twice', 'credentials" cannot be read: line 4: a second', '', `[default]\n${key}${key}`],
    ['a byte-order mark', 'line 1: a byte-order mark before the text', '\uFEFF[default]\nregion = a\n'],
    ['text before a section', 'line 1: text before the first [section]', 'region = a\n[default]\n'],
    ['a word alone', 'line 2: neither a [section] nor "name = value"', '[default]\njunk\n'],
    ['no name', 'line 2: neither a [section] nor "name = value"', '[default]\n= a\n'],
    ['a word alone in a nested setting', 'line 3: not "name = value" below "s3"', '[default]\ns3 =\n  junk\n'],
    ['no UTF-8', 'config" cannot be read: it is not UTF-8', '[default]\nregion = \u00FF\n'],
    ['an empty AWS_PROFILE', 'AWS_PROFILE is empty', '[default]\nregion = a\n', '', { AWS_PROFILE: '' }],
    [
      'an empty AWS_PROFILE before the other',
      'AWS_PROFILE is empty',
      '[profile x]\nregion = a\n',
      '',
      { AWS_PROFILE: '', AWS_DEFAULT_PROFILE: 'x' },
    ],
    ['spaces around a name', 'no AWS keys found', '', `[ default ]\n${key}`],
  ])(
    '%s',
    async (name, why, settings, secrets = '', variables = {}) => {
      const home = makeTestFolder()
      await mkdir(join(home, '.aws'))
      await writeFile(join(home, '.aws/config'), settings, name === 'no UTF-8' ? 'latin1' : 'utf8')
      await writeFile(join(home, '.aws/credentials'), secrets || `[default]\n${key}`)
      const env = { HOME: home, ...variables }
      const options = { env: { ...env, PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' }, stdio: 'ignore' } as const
      expect(spawnSync('aws', ['configure', 'get', 'aws_access_key_id'], options).status).not.toBe(0)
      const refused = readAwsConfig(env)
      await expect(refused).rejects.toMatchObject({ name: 'UsageError' })
      await expect(refused).rejects.toThrow(why)
    },
    30_000,
  )
})
