// Finds keys and the region as AWS programs do: in the environment, then in the shared files of `aws configure`
// (AWS SDKs and Tools Reference Guide, "Shared config and credentials files").
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { describeCondition, errorCode } from '../text/system-error.ts'
import { homeFolder } from '../files/home-folder.ts'
import { IniError, parseIni, type Sections } from '../text/ini.ts'

type Env = Record<string, string | undefined>

/** Keys that sign requests, and their origin, for errors. */
export interface AwsKeys {
  accessKeyId: string
  secretAccessKey: string
  /** Set for temporary keys. */
  sessionToken?: string
  origin: string
}

/** The settings in the environment and the shared files. */
export interface AwsConfig {
  keys: AwsKeys
  region: string
  /** The URL of a store other than AWS; undefined if not set. */
  endpoint: string | undefined
  /** Puts the bucket in the host name (`virtual`), in the path (`path`), or wherever it fits (`auto`). */
  addressing: string
}

/** The last section `[kind name]` of the configuration; the name may be quoted as in a shell. */
function findSection(config: Sections, kind: string, name: string): Map<string, string> | undefined {
  for (const [heading, section] of [...config].toReversed()) {
    if (kind === 'profile' && name === 'default' && heading === name) return section
    const [, word, rest = ''] = /^(\S+)\s+(.+)$/.exec(heading) ?? []
    if (word === kind && rest.trimEnd().replaceAll(/"([^"]*)"|'([^']*)'|\\(.)/g, '$1$2$3') === name) return section
  }
  return undefined
}

/** The path of a file that a variable names, with `~` and variables expanded. */
function expandPath(path: string, home: string, env: Env): string {
  return path
    .replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => env[braced ?? bare ?? ''] ?? whole)
    .replace(/^~(?=\/|$)/, home)
}

/** Reads a shared file; a variable that is empty stands for no file. */
async function readSections(path: string, named: boolean): Promise<Sections> {
  if (path === '') return new Map()
  try {
    return parseIni(await readFile(path))
  } catch (error) {
    if (error instanceof IniError) {
      throw new UsageError(`the AWS file "${path}" cannot be read: ${error.message}`, {
        hint: 'correct the file; the aws program refuses it too',
      })
    }
    const code = errorCode(error)
    if (code === undefined) throw error
    if (!named && (code === 'ENOENT' || code === 'ENOTDIR')) return new Map()
    throw new UsageError(`the AWS file "${path}" cannot be read: ${describeCondition(error)}`, {
      hint: named ? 'the environment names it; correct or unset it' : 'correct its permissions',
    })
  }
}

/** Ways to get keys that need a program or a service, by the setting that selects them. */
const otherWays = ['sso_session', 'sso_start_url', 'credential_process', 'web_identity_token_file', 'login_session']

function requireKeys(accessKeyId: string, secretAccessKey: string, token: string | undefined, origin: string): AwsKeys {
  const odd = [accessKeyId, secretAccessKey, token || 'none'].some((text) => !/^[\x21-\x7e]+$/.test(text))
  if (odd) {
    throw new UsageError(`the AWS keys of ${origin} contain characters that no key has`, {
      hint: 'copy them again, without spaces and quotes',
    })
  }
  return { accessKeyId, secretAccessKey, origin, ...(token ? { sessionToken: token } : {}) }
}

function keysOfEnv(env: Env): AwsKeys | undefined {
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const
  const [accessKeyId, secretAccessKey] = names.map((name) => env[name])
  if (!accessKeyId && !secretAccessKey) return undefined
  if (!accessKeyId || !secretAccessKey) {
    const [set, unset] = accessKeyId ? names : names.toReversed()
    throw new UsageError(`${set} is set, but ${unset} is not`, { hint: 'set both, or neither' })
  }
  return requireKeys(accessKeyId, secretAccessKey, env['AWS_SESSION_TOKEN'], 'the environment')
}

/**
 * The keys, region and endpoint that the AWS command line would use, if they are in the environment or in the files.
 * @throws UsageError if there are no keys, or if getting them takes more than reading files
 */
export async function readAwsConfig(env: Env): Promise<AwsConfig> {
  const home = homeFolder(env)
  const placeOf = (variable: string, file: string) => expandPath(env[variable] ?? join(home, '.aws', file), home, env)
  const configPath = placeOf('AWS_CONFIG_FILE', 'config')
  const credentialsPath = placeOf('AWS_SHARED_CREDENTIALS_FILE', 'credentials')
  const config = await readSections(configPath, Boolean(env['AWS_CONFIG_FILE']))
  const credentials = await readSections(credentialsPath, Boolean(env['AWS_SHARED_CREDENTIALS_FILE']))
  const variable = ['AWS_PROFILE', 'AWS_DEFAULT_PROFILE'].find((key) => env[key] !== undefined)
  const name = variable === undefined ? 'default' : (env[variable] ?? '')
  if (variable !== undefined && name === '') {
    throw new UsageError(`${variable} is empty, which is the name of no AWS profile`, {
      hint: `unset ${variable}, or set it to a profile`,
    })
  }
  const secrets = credentials.get(name)
  const configured = findSection(config, 'profile', name)
  if (variable !== undefined && configured === undefined && secrets === undefined) {
    throw new UsageError(`the AWS profile "${name}" is neither in "${configPath}" nor in "${credentialsPath}"`, {
      hint: `correct or unset ${variable}`,
    })
  }
  // The credentials file may hold any setting, and overrides the configuration file.
  const profile = new Map([...(configured ?? []), ...(secrets ?? [])])
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || profile.get('region') || 'us-east-1'
  if (!/^[\w-]+$/.test(region))
    throw new UsageError(`"${region}" is not a valid AWS region`, { hint: 'correct AWS_REGION' })
  const services = findSection(config, 'services', profile.get('services') ?? '')
  const endpoint = services?.get('s3.endpoint_url') ?? profile.get('endpoint_url')
  if (endpoint !== undefined && !(/^https?:\/\//i.test(endpoint) && URL.canParse(endpoint))) {
    throw new UsageError(`the endpoint_url of the AWS profile "${name}" is not an http or https URL`, {
      hint: `correct it in "${configPath}", or set --endpoint`,
    })
  }
  return {
    keys: keysOfEnv(env) ?? keysOfProfile(name, [secrets, configured], env),
    region,
    endpoint: endpoint?.replace(/\/+$/, ''),
    addressing: profile.get('s3.addressing_style') ?? 'auto',
  }
}

type Places = readonly (Map<string, string> | undefined)[]

function refuseOtherWays(name: string, places: Places, ways: readonly string[]): void {
  const way = ways.find((setting) => places.some((place) => place?.has(setting)))
  if (way === undefined) return
  throw new UsageError(`the AWS profile "${name}" gets its keys through ${way}, which metalkit does not support`, {
    hint: `put them in the environment: eval "$(aws configure export-credentials --profile ${name} --format env)"`,
  })
}

function keysOfProfile(name: string, places: Places, env: Env): AwsKeys {
  // A role is assumed with the keys beside it, which are not meant to be used themselves.
  refuseOtherWays(name, places, ['role_arn'])
  for (const place of places) {
    const accessKeyId = place?.get('aws_access_key_id')
    const secretAccessKey = place?.get('aws_secret_access_key')
    if (!accessKeyId || !secretAccessKey) continue
    return requireKeys(accessKeyId, secretAccessKey, place?.get('aws_session_token'), `the AWS profile "${name}"`)
  }
  refuseOtherWays(name, places, otherWays)
  const service = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'].find(
    (variable) => env[variable],
  )
  if (service !== undefined) {
    throw new UsageError(`${service} is set, but metalkit cannot get AWS keys that way`, {
      hint: 'put them in the environment: eval "$(aws configure export-credentials --format env)"',
    })
  }
  throw new UsageError('no AWS keys found', {
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run aws configure',
  })
}
