// A lab that is an Oracle cloud, and a client that signs by the published recipe (draft-cavage-http-signatures-08, Oracle's "Request
// Signatures"). It shares no code with the lab or with metalkit's own client.
import { createHash, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestLab, type TestLab, type TestLabOptions, waitUntil } from '../../helpers/lab.ts'
import { loadAccount } from '../../../src/lab/oci/account/account.ts'
import { oracleCloud } from '../../../src/lab/oci/face.ts'
import { loadLabKeys } from '../../../src/lab/sos/ssh-keys.ts'

/** The values of one profile of a config file. */
export type Profile = Readonly<Record<string, string>>

/** Reads a profile of a file in the form of ~/.oci/config. */
export function readProfile(path: string, name = 'DEFAULT'): Profile {
  const [, section = ''] = new RegExp(`^\\[${name}\\]\\n([^[]*)`, 'm').exec(readFileSync(path, 'utf8')) ?? []
  return Object.fromEntries(section.split('\n').flatMap((line) => (line.includes('=') ? [line.split(/=(.*)/)] : [])))
}

/** An answer. */
export interface OciAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read fields of answers
  json: any
}

/** What a test may change of a signed request. */
export interface Tampering {
  profile?: Profile
  /** Changes the headers before they are signed. */
  before?: (headers: Record<string, string>) => void
  /** Changes the headers after they were signed. */
  after?: (headers: Record<string, string>) => void
  signed?: readonly string[]
  headers?: Record<string, string>
  bodyText?: string
}

/** Sends bytes exactly as they are. */
export async function send(
  origin: string,
  method: string,
  target: string,
  headers: Record<string, string>,
  body: string,
): Promise<OciAnswer> {
  const { hostname, port } = new URL(origin)
  return await new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path: target, headers }, (message) => {
      let text = ''
      message.setEncoding('utf8')
      message.on('data', (chunk: string) => (text += chunk))
      message.on('error', reject)
      message.on('end', () => {
        const isJson = String(message.headers['content-type']).includes('json')
        resolve({
          status: message.statusCode ?? 0,
          headers: message.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Signs and sends a request, with the changes that a test makes. */
export async function callSigned(
  origin: string,
  profile: Profile,
  method: string,
  target: string,
  json?: unknown,
  tampering: Tampering = {},
): Promise<OciAnswer> {
  const body = json === undefined ? '' : JSON.stringify(json)
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(method)
  const headers: Record<string, string> = { date: new Date().toUTCString(), host: new URL(origin).host }
  if (hasBody) {
    headers['content-length'] = String(Buffer.byteLength(body))
    headers['content-type'] = 'application/json'
    headers['x-content-sha256'] = createHash('sha256').update(body).digest('base64')
  }
  tampering.before?.(headers)
  const names = tampering.signed ?? [
    'date',
    '(request-target)',
    'host',
    ...(hasBody ? ['content-length', 'content-type', 'x-content-sha256'] : []),
  ]
  const text = names
    .map((name) =>
      name === '(request-target)' ? `${name}: ${method.toLowerCase()} ${target}` : `${name}: ${headers[name]}`,
    )
    .join('\n')
  const token = profile['security_token_file']
  const keyId =
    token === undefined
      ? `${profile['tenancy']}/${profile['user']}/${profile['fingerprint']}`
      : `ST$${readFileSync(token, 'utf8')}`
  const signature = sign('sha256', Buffer.from(text), readFileSync(profile['key_file'] ?? '')).toString('base64')
  headers['authorization'] =
    `Signature version="1",headers="${names.join(' ')}",keyId="${keyId}",algorithm="rsa-sha256",signature="${signature}"`
  Object.assign(headers, tampering.headers)
  tampering.after?.(headers)
  return await send(origin, method, target, headers, tampering.bodyText ?? body)
}

/** An Oracle cloud under test. */
export interface OciLab extends TestLab {
  environment: Record<string, string>
  origin: string
  profile: Profile
  compartmentId: string
  oci(method: string, path: string, json?: unknown, tampering?: Tampering): Promise<OciAnswer>
  /** A body that launches an instance. */
  launchBody(more?: object): Record<string, unknown>
  launch(more?: object, headers?: Record<string, string>): Promise<OciAnswer>
  /** Waits until an instance is in a state. */
  until(id: string, state: string): Promise<OciAnswer['json']>
}

let keyFolder: Promise<string> | undefined

/** A state folder with all keys: creating RSA keys takes longer than most tests. */
async function makeKeys(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-oci-keys-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await loadLabKeys(folder, [])
  await loadAccount(folder)
  return folder
}

/** A new state folder with these keys. */
export async function makeOciFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-oci-'))
  await cp(await (keyFolder ??= makeKeys()), folder, { recursive: true, preserveTimestamps: true })
  return folder
}

/** Starts one. */
export async function startOciLab(options: TestLabOptions = {}): Promise<OciLab> {
  const stateFolder = options.stateFolder ?? (await makeOciFolder())
  const lab = await startTestLab({ ...options, stateFolder, face: oracleCloud })
  const { environment } = lab
  const origin = environment['METAL_OCI_API_URL'] ?? ''
  const profile = readProfile(environment['OCI_CLI_CONFIG_FILE'] ?? '')
  const compartmentId = environment['METAL_OCI_COMPARTMENT'] ?? ''
  const oci: OciLab['oci'] = async (method, path, json, tampering) =>
    await callSigned(origin, tampering?.profile ?? profile, method, `/20160918${path}`, json, tampering)
  const images = (await oci('GET', `/images?compartmentId=${compartmentId}&shape=BM.Standard.E4.128`)).json
  const launchBody = (more: object = {}) => ({
    availabilityDomain: environment['METAL_OCI_AVAILABILITY_DOMAIN'],
    compartmentId,
    shape: 'BM.Standard.E4.128',
    displayName: 'mk-1a2b3c4d',
    ipxeScript: '#!ipxe\necho hello from the script\nshell\n',
    sourceDetails: { sourceType: 'image', imageId: images[0].id },
    createVnicDetails: { subnetId: environment['METAL_OCI_SUBNET'], assignPublicIp: true },
    ...more,
  })
  return {
    ...lab,
    origin,
    profile,
    compartmentId,
    oci,
    launchBody,
    launch: async (more, headers = {}) => await oci('POST', '/instances', launchBody(more), { headers }),
    until: async (id, state) =>
      (
        await waitUntil(
          () => oci('GET', `/instances/${id}`),
          ({ json }) => json.lifecycleState === state,
        )
      ).json,
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]()
      if (options.stateFolder === undefined) await rm(stateFolder, { recursive: true, force: true })
    },
  }
}
