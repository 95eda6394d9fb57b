// A lab with the face of Latitude.sh. Each request and answer is held to the published contract.
import { latitude } from '../../../src/lab/latitude/face.ts'
import { type TestLab, type TestLabOptions, startTestLab, waitUntil } from '../../helpers/lab.ts'
import { checkAnswer, checkRequest, operationOf } from './contract.ts'

/** An answer; `json` is undefined without a body. */
export interface Answer {
  status: number
  headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read fields of answers; the contract checks their shape
  json: any
}

/** How a request differs from what the contract says. */
interface Manner {
  headers?: Record<string, string>
  /** Whether the request breaks the contract, for tests of refusals. */
  isWrong?: boolean
}

/** A lab, its requests, and the operations that they have covered. */
export interface LatitudeLab extends TestLab {
  covered: Set<string>
  ask: (method: string, path: string, body?: unknown, manner?: Manner) => Promise<Answer>
  /** Creates a server with these attributes in place of the usual ones. */
  create: (attributes?: Record<string, unknown>) => Promise<Answer>
  waitForStatus: (id: string, status: string) => Promise<Answer>
  /** The id of the lab's own key. */
  keyId: () => Promise<string>
}

/** A body of JSON:API. */
export function body(type: string, attributes: object, id?: string) {
  return { data: { ...(id === undefined ? {} : { id }), type, attributes } }
}

/** A script that iPXE runs without fetching anything. */
export const shellScript = Buffer.from('#!ipxe\nshell\n').toString('base64')

/** Starts a lab. */
export async function startLatitudeLab(options: TestLabOptions = {}): Promise<LatitudeLab> {
  const lab = await startTestLab({ face: latitude, ...options })
  const covered = new Set<string>()
  const ask: LatitudeLab['ask'] = async (method, path, sent, { headers = {}, isWrong = false } = {}) => {
    const url = new URL(`${lab.apiUrl}${path}`)
    if (!isWrong) checkRequest(method, url.pathname, url.searchParams, sent)
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${lab.token}`,
        ...(sent === undefined ? {} : { 'content-type': 'application/vnd.api+json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: typeof sent === 'string' ? sent : JSON.stringify(sent) }),
    })
    const text = await response.text()
    const json: unknown = text === '' ? undefined : JSON.parse(text)
    const { status } = response
    checkAnswer(method, url.pathname, { status, type: response.headers.get('content-type'), json })
    if (status < 400) covered.add(operationOf(method, url.pathname) ?? '')
    return { status, headers: response.headers, json }
  }
  const create: LatitudeLab['create'] = async (attributes = {}) =>
    await ask(
      'POST',
      '/servers',
      body('servers', {
        project: lab.projectId,
        plan: 'c3-small-x86',
        site: 'DAL',
        operating_system: 'ipxe',
        hostname: 'box',
        ipxe: shellScript,
        billing: 'hourly',
        ...attributes,
      }),
    )
  return {
    ...lab,
    covered,
    ask,
    create,
    waitForStatus: async (id, status) =>
      await waitUntil(
        () => ask('GET', `/servers/${id}`),
        ({ json }) => json.data?.attributes.status === status,
      ),
    keyId: async () => (await ask('GET', '/ssh_keys')).json.data[0].id,
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}
