// A strict Latitude.sh API with scripted replies: every request must have the headers and the envelope that the specification
// demands; a request that has not is refused and fails the test that sent it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { z } from 'zod/mini'
import type { Clock } from '../../src/clock.ts'
import { UsageError } from '../../src/errors.ts'
import { open } from '../../src/latitude/latitude.ts'
import { createFastClock } from '../helpers/clock.ts'
import { close, listen } from '../helpers/port.ts'
import { createRecorder } from '../helpers/recorder.ts'

export const token = 'sesame-0123456789'
export const runId = '01234567-89ab-4def-8123-456789abcdef'

export interface Seen {
  method: string
  /** Without the query. */
  path: string
  query: Record<string, string>
  body: unknown
}

export interface Reply {
  status: number
  json?: unknown
  text?: string
  headers?: Record<string, string>
}

/** Answers a request; 'dropped' closes the connection without an answer. */
type Script = (seen: Seen, all: readonly Seen[]) => Reply | 'dropped'

/** Query parameters of the specification, by path. */
const knownQueries: Record<string, RegExp> = {
  '/servers': /^(filter\[(project|hostname|status|tags)\]|page\[(size|number)\]|stats\[total\])$/,
  '/ssh_keys': /^(filter\[(project|scope|tags)\]|page\[(size|number)\]|stats\[total\])$/,
  '/projects': /^(filter\[(name|slug)\]|page\[(size|number)\]|stats\[total\])$/,
  '/regions': /^(page\[(size|number)\]|stats\[total\])$/,
  '/plans': /^filter\[(name|slug|location|stock_level|in_stock)\]$/,
}

/** `type` of a body, by the end of its path. */
const typeOf: Record<string, string> = {
  servers: 'servers',
  reinstall: 'reinstalls',
  actions: 'actions',
  out_of_band_connection: 'out_of_band',
}

/** Nothing but one object of a type with attributes. */
const bodySchema = z.strictObject({
  data: z.strictObject({ type: z.string(), attributes: z.record(z.string(), z.unknown()) }),
})

function complain(request: IncomingMessage, seen: Seen): string | undefined {
  const { headers } = request
  if (headers.authorization !== `Bearer ${token}`) return 'authorization'
  if (headers.accept !== 'application/vnd.api+json') return 'accept'
  for (const name of Object.keys(seen.query)) if (!knownQueries[seen.path]?.test(name)) return `query ${name}`
  if (seen.method !== 'POST') return seen.body === undefined ? undefined : 'a body'
  if (headers['content-type'] !== 'application/vnd.api+json') return 'content-type'
  const data = bodySchema.safeParse(seen.body).data?.data
  if (data === undefined) return 'envelope'
  return data.type === typeOf[seen.path.split('/').at(-1) ?? ''] ? undefined : 'type'
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? undefined : JSON.parse(text)
}

/** Starts the API. `complaints` names requests that were not as specified. */
export async function startStrictApi(script: Script) {
  const all: Seen[] = []
  const complaints: string[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://api')
    const query = Object.fromEntries(url.searchParams)
    const seen = { method: request.method ?? '', path: url.pathname, query, body: await readBody(request) }
    all.push(seen)
    const complaint = complain(request, seen)
    if (complaint !== undefined) complaints.push(`${seen.method} ${seen.path}: ${complaint}`)
    const reply = complaint === undefined ? script(seen, all) : refuse(400, 'BAD', complaint)
    if (reply === 'dropped') {
      response.destroy()
      return
    }
    const text = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json))
    response.writeHead(reply.status, {
      'content-type': 'application/vnd.api+json; charset=utf-8',
      'x-request-id': 'r-1',
      ...reply.headers,
    })
    response.end(text)
  }
  const server = createServer((request, response) => void answer(request, response))
  const port = await listen(server)
  return {
    apiUrl: `http://127.0.0.1:${port}`,
    all,
    complaints,
    [Symbol.asyncDispose]: () => close(server),
  }
}

/** A refusal in the API's form. */
export function refuse(status: number, code: string | null, detail: string): Reply {
  return { status, json: { errors: [{ code, status: String(status), title: 'Refused', detail, meta: {} }] } }
}

/** A page of a list, with the length of the whole list. */
export function page(data: readonly unknown[], total?: number): Reply {
  return { status: 200, json: { data, meta: total === undefined ? {} : { stats: { total: { count: total } } } } }
}

/** A server as the API shows it. */
export function serverOf(id: string, attributes: Record<string, unknown> = {}) {
  return {
    type: 'servers',
    id,
    attributes: {
      hostname: 'web-1',
      role: 'Bare Metal',
      status: 'on',
      locked: false,
      created_at: '2026-01-14T15:56:58+00:00',
      plan: { id: 'plan_1', slug: 'c3-small-x86' },
      region: { site: { slug: 'DAL' } },
      project: { id: 'proj_1', slug: 'lab', provisioning_type: 'on_demand' },
      ...attributes,
    },
  }
}

export const onDemandProject = {
  id: 'proj_1',
  type: 'projects',
  attributes: { name: 'Lab', slug: 'lab', provisioning_type: 'on_demand' },
}

/** A plan that is offered in some sites, and in stock in some of them. */
export function planOf(slug: string, available: string[], stock: string[]) {
  const regions = [{ name: 'somewhere', locations: { available, in_stock: stock }, stock_level: 'low' }]
  return { id: `plan_${slug}`, type: 'plans', attributes: { slug, name: slug.replaceAll('-', '.'), regions } }
}

/** The cloud at an API, with a clock on which an hour passes in seconds. */
export async function openTestCloud(
  apiUrl: string,
  { projectId = 'proj_1', clock = createFastClock(1000) }: { projectId?: string | null; clock?: Clock } = {},
) {
  const report = createRecorder()
  const cloud = await open(
    { apiUrl, apiKey: token, projectId: projectId ?? undefined },
    {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      env: {},
      signal: new AbortController().signal,
      forced: new AbortController().signal,
      end: () => {},
      clock,
      report,
      sources: new Map([['apiKey', 'LATITUDESH_AUTH_TOKEN']]),
      async require(flag, value) {
        if (value === undefined) throw new UsageError(`no ${flag} is given`)
        return value
      },
    },
  )
  return { cloud, report }
}
